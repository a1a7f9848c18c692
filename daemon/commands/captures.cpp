// kdumpctl list prune _after-crash
#include "daemon/captures/captures.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "daemon/captures/after_crash.h"
#include "daemon/captures/capture_files.h"
#include "daemon/captures/capture_manifest.h"
#include "daemon/captures/capture_text.h"
#include "daemon/captures/remote_captures.h"
#include "daemon/captures/retention.h"
#include "daemon/captures/verify.h"
#include "daemon/commands/command.h"
#include "initramfs/plan/manifest.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr int kOk = 0, kFailed = 1;
constexpr std::chrono::seconds kLockLimit{30};

struct ListOptions {
  std::string id;
  bool json = false;
  bool verify = false;
};

struct PruneOptions {
  std::vector<std::string> ids;
  bool dry_run = false;
};

Result<Settings> settings_of(const Host& host) {
  KDUMP_TRY_ASSIGN(LoadedSettings loaded, load_settings(host.paths.config_files()));
  return std::move(loaded.settings);
}

int failed(const Error& error) {
  log::error(error.message());
  return kFailed;
}

void print(const std::string& text) {
  (void)std::fputs(text.c_str(), stdout);
}

// By id, or by directory where an id is there on two targets.
Result<Capture> choose(const std::vector<Capture>& captures, const std::string& id) {
  std::vector<const Capture*> found;
  for (const Capture& capture : captures)
    if (capture.id == id || capture.directory == id) found.push_back(&capture);
  if (found.empty())
    return Error(Errc::not_found, "no capture is called " + printable(id, 200) +
                                      "; 'kdumpctl list' shows what is there");
  if (found.size() == 1) return *found.front();
  std::string all;
  for (const Capture* capture : found)
    all += " " + capture->directory;
  return Error(Errc::usage, id + ": there are several; name one of:" + all);
}

// False if it is damaged.
bool print_verdict(const Capture& capture) {
  const Verdict verdict = verify_capture(capture);
  const std::string id = printable(capture.id, 255);
  switch (verdict.kind) {
    case Verdict::Kind::ok:
      print(id + ": ok\n");
      return true;
    case Verdict::Kind::not_known:
      print(id + ": not known: " + verdict.why + "\n");
      return true;
    case Verdict::Kind::damaged:
      break;
  }
  print(id + ": DAMAGED: " + verdict.why + "\n");
  return false;
}

void print_one(const Capture& capture) {
  print(capture_text(capture));
  if (!capture.has_manifest) return;
  if (capture.remote_target) return print(describe_manifest(capture.manifest_text));
  const auto open = open_capture(capture.directory);
  if (!open) return;
  if (const auto text = open->files.read(kManifestName, kLongestManifest))
    print(describe_manifest(*text));
}

int list(const Host& host, const ListOptions& options) {
  const auto settings = settings_of(host);
  if (!settings) return failed(settings.error());
  std::vector<std::string> problems;
  std::vector<Capture> captures = find_all_captures(host.paths, *settings, problems);
  if (!options.json)
    for (const std::string& problem : problems)
      log::warning(problem);
  if (!options.id.empty()) {
    auto one = choose(captures, options.id);
    if (!one) return failed(one.error());
    captures = {std::move(*one)};
  }
  if (options.verify) {
    bool good = true;
    for (const Capture& capture : captures)
      good &= print_verdict(capture);
    return good ? kOk : kFailed;
  }
  if (options.json) {
    print(captures_json(captures, problems));
  } else if (!options.id.empty()) {
    print_one(captures.front());
  } else if (captures.empty()) {
    log::info("no captures");
  } else {
    print(captures_table(captures));
  }
  return kOk;
}

Result<std::vector<Removal>> choose_by_name(const std::vector<Capture>& captures,
                                            const std::vector<std::string>& ids) {
  const auto newest_complete =
      std::find_if(captures.begin(), captures.end(), [](const Capture& capture) {
        return capture.ours && capture.state == Capture::State::complete;
      });
  std::vector<Removal> removals;
  for (const std::string& id : ids) {
    KDUMP_TRY_ASSIGN(const Capture chosen, choose(captures, id));
    const auto same = [&](const Capture& capture) { return capture.directory == chosen.directory; };
    const auto at = std::find_if(captures.begin(), captures.end(), same);
    if (at == newest_complete)
      return Error(Errc::usage, chosen.directory +
                                    ": is the newest complete capture, which is always kept; if it "
                                    "really is to go, remove the directory yourself");
    removals.push_back({static_cast<size_t>(at - captures.begin()), "asked for"});
  }
  return removals;
}

bool has_limits(const Retention& retention) {
  return retention.keep != 0 || retention.max_bytes != 0 || retention.max_age.count() != 0;
}

int prune(const Host& host, const PruneOptions& options) {
  const auto settings = settings_of(host);
  if (!settings) return failed(settings.error());
  if (options.ids.empty() && !has_limits(settings->retention)) {
    log::info("nothing removed: " + host.paths.policy() + " sets no retention");
    return kOk;
  }
  const auto lock = lock_captures(host.paths, kLockLimit);
  if (!lock) return failed(lock.error());
  std::vector<std::string> problems;
  const std::vector<Capture> captures = find_all_captures(host.paths, *settings, problems);
  for (const std::string& problem : problems)
    log::warning(problem);

  const auto removals =
      options.ids.empty() ? Result(choose_removals(captures, settings->retention, ::time(nullptr)))
                          : choose_by_name(captures, options.ids);
  if (!removals) return failed(removals.error());
  int status = kOk;
  for (const Removal& removal : *removals) {
    const Capture& capture = captures[removal.index];
    const std::string what = printable(capture.directory, 4096) + " (" +
                             human_bytes(capture.bytes) + "): " + removal.why;
    if (options.dry_run) {
      log::info("would be removed: " + what);
    } else if (const auto removed = remove_capture(host.paths, *settings, capture); !removed) {
      status = failed(removed.error());
    } else {
      log::info("removed: " + what);
    }
  }
  if (removals->empty()) log::info("nothing to remove");
  return status;
}

int after_crash_command(const Host& host) {
  const auto settings = settings_of(host);
  if (!settings) return failed(settings.error());
  return after_crash(host.paths, *settings) ? kOk : kFailed;
}

}  // namespace

void add_capture_commands(Commands& commands) {
  const auto list_options = std::make_shared<ListOptions>();
  CLI::App& list_command = commands.add(
      "list", "show the crashes that were saved, or all about one of them", Access::look,
      [list_options](const Host& host) { return list(host, *list_options); });
  list_command.add_option("ID", list_options->id, "the capture to show, by its name or directory");
  CLI::Option* json = list_command.add_flag("--json", list_options->json, "for programs");
  list_command
      .add_flag("--verify", list_options->verify,
                "read the dumps again and compare them with their checksums")
      ->excludes(json);

  const auto prune_options = std::make_shared<PruneOptions>();
  CLI::App& prune_command = commands.add(
      "prune", "remove the captures that the retention of policy.yaml gives up, or those named",
      Access::change_unlocked,
      [prune_options](const Host& host) { return prune(host, *prune_options); });
  prune_command.add_option("ID", prune_options->ids, "captures to remove");
  prune_command.add_flag("--dry-run", prune_options->dry_run, "only say what would be removed");

  commands.add_hidden("_after-crash", "recover, report and retain captures; run by kdumpd",
                      Access::change_unlocked, after_crash_command);
}

}  // namespace kdump
