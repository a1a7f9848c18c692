#include "daemon/captures/after_crash.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>

#include "daemon/captures/capture_text.h"
#include "daemon/captures/captures.h"
#include "daemon/captures/raw_recovery.h"
#include "daemon/captures/remote_captures.h"
#include "daemon/captures/retention.h"
#include "daemon/captures/seen.h"
#include "daemon/host/journal.h"
#include "daemon/host/message_ids.h"
#include "daemon/host/program.h"
#include "initramfs/plan/manifest.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr std::chrono::seconds kNotifyLimit{60};
// At one start each: a mail server that is down comes back, a command that is wrong does not.
constexpr unsigned kNotifyAttempts = 3;

bool recover_all(const HostPaths& paths, const Settings& settings) {
  bool ok = true;
  for (const Target& target : settings.targets) {
    if (target.kind != TargetKind::raw) continue;
    const auto recovered = recover_raw(paths, settings, target);
    if (!recovered) {
      log::error("recovering a dump from " + target.describe() + ": " +
                 recovered.error().message());
      ok = false;
    } else if (*recovered) {
      if (!(*recovered)->warning.empty()) log::warning((*recovered)->warning);
      log::info("recovered the dump on " + target.describe() + " to " + (*recovered)->directory);
    }
  }
  return ok;
}

void tell(const Capture& capture) {
  const std::string what = capture.directory + " (" + std::string(name_of(capture.state)) + ", " +
                           human_bytes(capture.bytes) + ")" +
                           (capture.panic.empty() ? "" : ": " + capture.panic);
  const JournalEvent event(message_id::kCaptureSaved);
  if (capture.state == Capture::State::complete)
    log::info("saved: " + what);
  else
    log::warning("saved in part: " + what +
                 (capture.error.empty() ? "" : "; the dump failed: " + capture.error));
}

// What notification commands are told. Below a root they run in it, and see its paths. What is on a
// server they have to fetch: that is no file of theirs.
std::vector<std::string> environment_of(const Capture& capture, const HostPaths& paths) {
  const bool remote = capture.remote_target.has_value();
  const std::string directory =
      remote ? capture.directory : capture.directory.substr(paths.root.size());
  const bool has_manifest_file = capture.has_manifest && !remote;
  return {
      "KDUMP_ID=" + capture.id,
      "KDUMP_DIRECTORY=" + directory,
      "KDUMP_MANIFEST=" + (has_manifest_file ? directory + "/" + kManifestName : ""),
      "KDUMP_STATE=" + std::string(name_of(capture.state)),
      "KDUMP_TIME=" + std::to_string(capture.at),
      "KDUMP_BYTES=" + std::to_string(capture.bytes),
      "KDUMP_KERNEL=" + capture.kernel_release,
      "KDUMP_PANIC=" + capture.panic,
      "KDUMP_ERROR=" + capture.error,
      "KDUMP_TEST=" + std::string(capture.test ? "1" : "0"),
  };
}

Result<void> run_command(const HostPaths& paths, const Settings& settings, const Capture& capture) {
  const std::string& program = settings.notify_command.front();
  KDUMP_TRY_ASSIGN(
      const ProgramOutput output,
      run_program(paths, settings.notify_command, kNotifyLimit, environment_of(capture, paths)));
  if (output.status == 0) return {};
  std::string words = output.error.empty() ? output.out : output.error;
  words.erase(words.find_last_not_of(" \n") + 1);
  words.erase(0, words.rfind('\n') + 1);
  return Error(Errc::io, program + ": failed with status " + std::to_string(output.status) +
                             (words.empty() ? "" : ": " + printable(words, 200)));
}

class AfterCrash {
 public:
  AfterCrash(const HostPaths& paths, const Settings& settings)
      : paths_(paths), settings_(settings) {}

  bool run() {
    ok_ = recover_all(paths_, settings_);
    std::vector<std::string> problems;
    captures_ = find_all_captures(paths_, settings_, problems);
    for (const std::string& problem : problems)
      log::warning(problem);
    std::erase_if(captures_, [](const Capture& capture) { return !capture.ours; });
    std::reverse(captures_.begin(), captures_.end());  // in the order in which it happened

    if (!read_state()) return false;
    tell_new_ones();
    // Before anybody is told where to find something.
    apply_retention();
    if (!save()) return false;
    notify_all();
    return ok_;
  }

 private:
  bool read_state() {
    auto seen = read_seen(paths_);
    if (!seen) {
      log::error(seen.error().message());
      return false;
    }
    if (*seen) {
      seen_ = std::move(**seen);
      return true;
    }
    // The first time: what was there before this program did not happen just now.
    for (const Capture& capture : captures_)
      seen_[capture.directory] = {.notified = true};
    if (!captures_.empty())
      log::info("captures that are here already: " + std::to_string(captures_.size()) +
                " ('kdumpctl list' shows them)");
    return true;
  }

  void tell_new_ones() {
    for (const Capture& capture : captures_) {
      if (!seen_.try_emplace(capture.directory).second) continue;
      tell(capture);
      seen_[capture.directory].notified = settings_.notify_command.empty();
    }
  }

  void apply_retention() {
    std::vector<Capture> newest_first(captures_.rbegin(), captures_.rend());
    std::set<std::string> gone;
    for (const Removal& removal :
         choose_removals(newest_first, settings_.retention, ::time(nullptr))) {
      const Capture& capture = newest_first[removal.index];
      if (const auto removed = remove_capture(paths_, settings_, capture); !removed) {
        log::warning(removed.error().message());
        continue;
      }
      const JournalEvent event(message_id::kCaptureRemoved);
      log::info("removed: " + capture.directory + " (" + human_bytes(capture.bytes) +
                "): " + removal.why);
      gone.insert(capture.directory);
    }
    std::erase_if(captures_,
                  [&](const Capture& capture) { return gone.contains(capture.directory); });
    for (const std::string& directory : gone)
      seen_.erase(directory);
    // A target that is not mounted today keeps its entries: it may be back tomorrow. So does a
    // server, which cannot be asked about each of them.
    constexpr size_t kManyEntries = 1000;
    if (seen_.size() > kManyEntries)
      std::erase_if(seen_, [](const auto& entry) {
        std::error_code failed;
        return entry.first.starts_with('/') && !std::filesystem::exists(entry.first, failed);
      });
  }

  void notify_all() {
    if (settings_.notify_command.empty()) return;
    for (const Capture& capture : captures_) {
      SeenCapture& seen = seen_[capture.directory];
      if (seen.notified || seen.attempts >= kNotifyAttempts) continue;
      // Counted before it runs: whatever it does to this host, it does not do it for ever.
      ++seen.attempts;
      if (!save()) return;
      const auto done = run_command(paths_, settings_, capture);
      if (!done) {
        log::error(
            "notification of " + capture.id + ": " + done.error().message() +
            (seen.attempts < kNotifyAttempts ? "; tried again at the next start" : "; given up"));
        ok_ = false;
        continue;
      }
      seen.notified = true;
      if (!save()) return;
    }
  }

  bool save() {
    const auto written = write_seen(paths_, seen_);
    if (written) return true;
    log::error(written.error().message());
    ok_ = false;
    return false;
  }

  const HostPaths& paths_;
  const Settings& settings_;
  std::vector<Capture> captures_;  // ours, oldest first
  SeenCaptures seen_;
  bool ok_ = true;
};

}  // namespace

bool after_crash(const HostPaths& paths, const Settings& settings) {
  const auto lock = lock_captures(paths, std::chrono::seconds(0));
  if (!lock) {
    if (lock.error().code() == Errc::timed_out) return true;
    log::error(lock.error().message());
    return false;
  }
  return AfterCrash(paths, settings).run();
}

}  // namespace kdump
