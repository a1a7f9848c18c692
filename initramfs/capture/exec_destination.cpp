// An SSH server without SFTP: commands over there write what they read. The dump stays in the
// flattened form, as a command cannot seek; makedump -R, crash and makedumpfile -R read it.
#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/ssh_destination.h"
#include "makedump/sink/sink.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kReachLimit{90};
constexpr int kTaken = 17;  // exit status: the name is

// A command line for whatever shell logs in: only a POSIX shell sees the script. One line, as csh
// wants it.
std::string command_line(const std::string& script, const std::vector<std::string>& words) {
  std::string line = "exec sh -c " + shell_quoted(script) + " sh";
  for (const std::string& word : words)
    line += " " + shell_quoted(word);
  return line;
}

// A path that no program takes for an option.
std::string as_path(const std::string& path) {
  return path.starts_with('/') ? path : "./" + path;
}

// Old ones of sync take no argument, and sync everything.
constexpr char kTakeFile[] = "umask 077; cat >\"$1\" && sync \"$1\"";

Result<void> check(const SshOutcome& outcome, const std::string& name, const std::string& what) {
  if (outcome.status == 0) return {};
  return Error(Errc::io, name + ": " + what + ": " + outcome.reason());
}

class ExecStream final : public DumpStream {
 public:
  ExecStream(SshServer& server, SshCommand command, std::string path, std::string temporary)
      : server_(server),
        command_(std::move(command)),
        path_(std::move(path)),
        temporary_(std::move(temporary)) {}

  Result<void> write(Bytes bytes) override {
    auto written = command_.write(bytes);
    if (!written) return why_it_ended(std::move(written).error());
    sent_ += bytes.size();
    return {};
  }

  void tick() override { (void)command_.keep_alive(); }

  Result<void> commit() override {
    server_.doing("syncing vmcore.flat");
    KDUMP_TRY_ASSIGN(const SshOutcome outcome, command_.finish());
    KDUMP_TRY(check(outcome, server_.session().name(), "writing and syncing " + temporary_));
    KDUMP_TRY_ASSIGN(const SshOutcome renamed,
                     server_.session().run(command_line(
                         "mv -f \"$1\" \"$2\" && { sync \"$2\" || :; }", {temporary_, path_})));
    return check(renamed, server_.session().name(), "renaming to " + path_);
  }

  [[nodiscard]] uint64_t confirmed() const override { return sent_; }

 private:
  // A command that ends early has a reason, which says more than that it does not read any more.
  Error why_it_ended(Error error) {
    const auto outcome = command_.finish();
    if (outcome && outcome->status != 0)
      return check(*outcome, server_.session().name(), "writing " + temporary_).error();
    return error;
  }

  SshServer& server_;
  SshCommand command_;
  const std::string path_, temporary_;
  uint64_t sent_ = 0;
};

class ExecDestination final : public Destination {
 public:
  ExecDestination(const TargetPlan& target, WorkerState& state, const std::string& known_hosts)
      : server_(target, state, known_hosts), target_(target) {}

  Result<void> reach() override {
    KDUMP_TRY(server_.connect(Clock::now() + std::min(kReachLimit, target_.stall_limit)));
    // Commands answer when they have done all, not packet by packet.
    server_.session().set_limit(target_.stall_limit);
    local_ip_ = server_.local_ip();
    return {};
  }

  [[nodiscard]] std::string local_ip() const override { return local_ip_; }

  Result<std::string> make_directory(const std::string& name) override {
    for (int attempt = 1; attempt < 1000; ++attempt) {
      const std::string path =
          below(target_.directory, attempt == 1 ? name : name + "-" + std::to_string(attempt));
      const std::string above = target_.directory.empty() ? "." : as_path(target_.directory);
      KDUMP_TRY_ASSIGN(const SshOutcome outcome,
                       run("making directory " + path,
                           "mkdir -p \"$1\" || exit 1; [ -e \"$2\" ] && exit 17; umask 077; "
                           "mkdir \"$2\"",
                           {above, as_path(path)}));
      if (outcome.status == kTaken) continue;
      KDUMP_TRY(check(outcome, server_.session().name(), "making directory " + path));
      directory_ = path;
      return path;
    }
    return Error(Errc::exists,
                 below(target_.directory, name) + ": there are a thousand of this name");
  }

  Result<std::optional<uint64_t>> room() override {
    // A restricted account may have no df: the room is then unknown.
    KDUMP_TRY_ASSIGN(const SshOutcome df,
                     run("looking how much room there is", "df -Pk \"$1\"", {as_path(directory_)}));
    return df.status == 0 ? room_in_df(df.out) : std::nullopt;
  }

  Result<void> publish(const std::string& name, std::string_view text) override {
    const std::string path = as_path(below(directory_, name)), temporary = incomplete_name(path);
    KDUMP_TRY(ensure_connected());
    KDUMP_TRY_ASSIGN(
        const SshOutcome outcome,
        run("writing " + name,
            std::string(kTakeFile) + " && mv -f \"$1\" \"$2\" || { rm -f \"$1\"; exit 1; }",
            {temporary, path}, text));
    return check(outcome, server_.session().name(), "writing " + path);
  }

  [[nodiscard]] std::optional<std::string> path_of(const std::string& /*name*/) const override {
    return std::nullopt;
  }

  [[nodiscard]] std::string dump_name() const override { return "vmcore.flat"; }

  Result<std::unique_ptr<DumpStream>> open_stream() override {
    server_.doing("opening " + dump_name());
    const std::string path = as_path(below(directory_, dump_name()));
    const std::string temporary = incomplete_name(path);
    KDUMP_TRY_ASSIGN(SshCommand command,
                     server_.session().start(command_line(kTakeFile, {temporary})));
    return std::unique_ptr<DumpStream>(
        std::make_unique<ExecStream>(server_, std::move(command), path, temporary));
  }

  Result<void> leave() override {
    server_.doing("disconnecting");
    server_.disconnect();
    return {};
  }

 private:
  Result<SshOutcome> run(const std::string& what, const std::string& script,
                         const std::vector<std::string>& words, std::string_view input = "") {
    server_.doing(what);
    auto outcome = server_.session().run(command_line(script, words), input);
    broken_ = !outcome;
    return outcome;
  }

  // What is told of a dump that broke off goes over another connection.
  Result<void> ensure_connected() {
    if (!broken_ && server_.session().is_connected()) return {};
    KDUMP_TRY(server_.connect(Clock::now()));
    broken_ = false;
    return {};
  }

  SshServer server_;
  const TargetPlan& target_;
  std::string directory_, local_ip_;  // directory: of the capture, on the server
  bool broken_ = false;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_exec_destination(const TargetPlan& target,
                                                           WorkerState& state,
                                                           const std::string& known_hosts) {
  return std::unique_ptr<Destination>(
      std::make_unique<ExecDestination>(target, state, known_hosts));
}

}  // namespace kdump
