// kdumpctl propagate, _prove: what has to do with targets on the network, and with proving targets.
#include "daemon/probe/propagate.h"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <termios.h>
#include <unistd.h>

#include "daemon/commands/command.h"
#include "daemon/host/journal.h"
#include "daemon/host/message_ids.h"
#include "daemon/probe/proof.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr int kFailed = 1;
// Of a step of the daily proof: long for a disk that sleeps, short for a service that waits.
constexpr std::chrono::seconds kProofLimit{30};

// The signal that came while the terminal did not echo: it is put right first.
volatile std::sig_atomic_t signal_while_asking = 0;

// One line from a terminal, without showing it. Nothing at its end, or when a signal came.
std::optional<std::string> read_hidden_line() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return std::nullopt;
  struct sigaction note {};
  note.sa_handler = [](int number) { signal_while_asking = number; };
  struct sigaction old_int {};
  struct sigaction old_term {};
  (void)::sigaction(SIGINT, &note, &old_int);
  (void)::sigaction(SIGTERM, &note, &old_term);
  termios hidden = before;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);

  std::string line;
  bool complete = false;
  char c = 0;
  while (!complete && ::read(STDIN_FILENO, &c, 1) == 1) {
    complete = c == '\n';
    if (!complete) line += c;
  }
  (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  (void)::sigaction(SIGINT, &old_int, nullptr);
  (void)::sigaction(SIGTERM, &old_term, nullptr);
  std::cerr << std::endl;
  if (signal_while_asking != 0) (void)::raise(signal_while_asking);
  return complete ? std::optional(line) : std::nullopt;
}

// A person at a terminal; else whoever feeds stdin, one line an answer.
std::optional<std::string> ask(const std::string& prompt, bool echo) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  std::cerr << "kdump: " << prompt << (terminal ? "" : "\n") << std::flush;
  if (terminal && !echo) return read_hidden_line();
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

std::optional<Settings> settings_of(const Host& host) {
  auto loaded = load_settings(host.paths.config_files());
  if (!loaded) {
    log::error(loaded.error().message());
    return std::nullopt;
  }
  return std::move(loaded->settings);
}

struct PropagateArguments {
  std::string type = "ed25519", identity;
  bool accept_new = false;
};

int propagate(const Host& host, const PropagateArguments& arguments) {
  const auto settings = settings_of(host);
  if (!settings) return kFailed;
  PropagateOptions options;
  options.type = arguments.type == "rsa" ? SshKey::Type::rsa : SshKey::Type::ed25519;
  options.accept_new = arguments.accept_new;
  options.identity = arguments.identity;
  options.ask = ask;
  options.tell = [](const std::string& line) { log::info(line); };

  int targets = 0, failures = 0;
  for (const Target& target : settings->targets) {
    if (target.kind != TargetKind::ssh && target.kind != TargetKind::sftp) continue;
    ++targets;
    const auto done =
        propagate_key(host.paths, ssh_target(host.paths, *settings, target), target.kind, options);
    if (done) continue;
    ++failures;
    log::error(done.error().message());
    log::error("Failed to propagate the key to " + target.describe());
  }
  if (targets == 0) {
    log::error("No ssh target in " + host.paths.kdump_conf() +
               ", so there is nowhere to propagate a key to: write 'ssh user@host' there");
    return kFailed;
  }
  return failures == 0 ? 0 : kFailed;
}

// Says what has changed since the last time only: this runs every day.
void tell_change(const Settings& settings, const Target& target, const TargetProof& now,
                 const std::vector<TargetProof>& before) {
  const auto same = std::find_if(before.begin(), before.end(), [&](const TargetProof& p) {
    return p.target == now.target && p.origin == now.origin;
  });
  const bool known = same != before.end();
  // The default target names no path of its own.
  const bool is_default = target.kind == TargetKind::path && target.path.empty();
  const std::string who = target.describe() + (is_default ? settings.path : "") +
                          (now.origin.empty() ? "" : " (" + now.origin + ")");
  const JournalEvent event(now.ok ? message_id::kTargetWorks : message_id::kTargetFailed);
  if (!now.ok && (!known || same->ok || same->problem != now.problem))
    log::error(who + ": would not take a dump: " + now.problem);
  if (now.ok && known && !same->ok) log::info(who + ": takes dumps again");
}

int prove(const Host& host) {
  const auto settings = settings_of(host);
  if (!settings) return kFailed;
  const std::vector<TargetProof> before = read_proofs(host.paths);
  std::vector<TargetProof> proofs;
  bool all_ok = true;
  for (const Target& target : settings->targets) {
    proofs.push_back(prove_target(host.paths, *settings, target, kProofLimit));
    tell_change(*settings, target, proofs.back(), before);
    all_ok = all_ok && proofs.back().ok;
  }
  if (const auto written = write_proofs(host.paths, proofs); !written) {
    log::error(written.error().message());
    return kFailed;
  }
  return all_ok ? 0 : kFailed;
}

}  // namespace

void add_target_commands(Commands& commands) {
  const auto arguments = std::make_shared<PropagateArguments>();
  CLI::App& command = commands.add(
      "propagate", "install a key on the ssh or sftp target, and remember its host key",
      Access::change_unlocked,
      [arguments](const Host& host) { return propagate(host, *arguments); });
  command.add_option("--type", arguments->type, "of a key that has to be made")
      ->check(CLI::IsMember({"ed25519", "rsa"}).description(""))
      ->type_name("ed25519|rsa");
  command
      .add_option("-i,--identity", arguments->identity,
                  "log in with this private key to install the other")
      ->type_name("FILE");
  command.add_flag("--accept-new", arguments->accept_new,
                   "take a host key that is not known without asking");
  commands.add_hidden("_prove", "prove that each target takes a dump", Access::change_unlocked,
                      prove);
}

}  // namespace kdump
