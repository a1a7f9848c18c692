#include "daemon/status/crash_test.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <sstream>
#include <unistd.h>

#include "config/command_line.h"
#include "daemon/arm/arm.h"
#include "daemon/captures/capture_text.h"
#include "daemon/status/host_status.h"
#include "makedump/base/fd.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr std::array kStates = {
    std::pair{CrashTest::State::none, std::string_view("none")},
    std::pair{CrashTest::State::pending, std::string_view("pending")},
    std::pair{CrashTest::State::success, std::string_view("success")},
    std::pair{CrashTest::State::fail, std::string_view("fail")},
    std::pair{CrashTest::State::manual, std::string_view("manual")},
};

std::string read_boot_id(const HostPaths& paths) {
  auto text = read_text_file(paths.boot_id());
  if (!text) return "";
  text->resize(std::min(text->find('\n'), text->size()));
  return *std::move(text);
}

// Seconds and nanoseconds, as RHEL's kdumpctl numbers its tests.
CrashTest begin_test(const HostPaths& paths) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  CrashTest test;
  test.state = CrashTest::State::pending;
  test.at = now.tv_sec;
  std::string nanoseconds = std::to_string(now.tv_nsec);
  nanoseconds.insert(0, 9 - std::min<size_t>(nanoseconds.size(), 9), '0');
  test.id = std::to_string(now.tv_sec) + "-" + nanoseconds;
  test.boot_id = read_boot_id(paths);
  return test;
}

bool is_reached_by_mounting(const Target& target) {
  return target.kind == TargetKind::path || target.kind == TargetKind::filesystem ||
         target.kind == TargetKind::nfs;
}

// After a failure: what was loaded before the test is loaded again.
Error recover(const Host& host, const ArmPlan& plan, Error why) {
  forget_crash_test(host.paths);
  const LoadOutcome outcome = load_planned(host, plan);
  if (outcome.loaded == Loaded::nothing)
    return std::move(why).context(
        "no capture image is loaded any more: a crash would not be saved");
  return why;
}

}  // namespace

std::string_view name_of(CrashTest::State state) {
  const auto* const found = std::find_if(
      kStates.begin(), kStates.end(), [state](const auto& entry) { return entry.first == state; });
  return found == kStates.end() ? "?" : found->second;
}

// "pending <id> <boot id>", then what is to be said of it. The first word is RHEL's.
Result<CrashTest> read_crash_test(const HostPaths& paths) {
  const auto text = read_text_file(paths.crash_test());
  if (!text) {
    if (text.error().sys_errno() == ENOENT) return CrashTest{};
    return text.error();
  }
  std::istringstream lines(*text);
  std::string state;
  CrashTest test;
  lines >> state >> test.id >> test.boot_id;
  lines.ignore();
  std::getline(lines, test.detail);
  const auto* const known =
      std::find_if(kStates.begin(), kStates.end(),
                   [&state](const auto& entry) { return entry.second == state; });
  if (known != kStates.end()) test.state = known->first;
  const auto [end, error] =
      std::from_chars(test.id.data(), test.id.data() + test.id.size(), test.at);
  if (known == kStates.end() || error != std::errc())
    return Error(Errc::bad_input, paths.crash_test() + ": not the record of a crash test");
  return test;
}

Result<void> write_crash_test(const HostPaths& paths, const CrashTest& test) {
  const std::string text = std::string(name_of(test.state)) + " " + test.id + " " + test.boot_id +
                           "\n" + test.detail + "\n";
  return publish_file(paths.crash_test(), as_bytes(text), 0600);
}

void forget_crash_test(const HostPaths& paths) {
  (void)::unlink(paths.crash_test().c_str());
}

CrashTest settle_crash_test(CrashTest test, const std::string& boot_id, const Settings& settings,
                            const std::vector<Capture>& captures,
                            const std::vector<std::string>& problems) {
  if (test.state != CrashTest::State::pending) return test;
  const std::string name = "kdump-test-" + test.id;
  const auto found = std::find_if(captures.begin(), captures.end(),
                                  [&name](const Capture& capture) { return capture.id == name; });
  if (found != captures.end()) {
    const bool complete = found->state == Capture::State::complete;
    test.state = complete ? CrashTest::State::success : CrashTest::State::fail;
    test.detail = found->directory;
    if (!complete)
      test.detail += " is " + std::string(name_of(found->state)) +
                     (found->error.empty() ? "" : ": " + found->error);
    return test;
  }
  // Told by its boot: the same one still runs.
  if (test.boot_id == boot_id) return test;
  const auto remote =
      std::find_if_not(settings.targets.begin(), settings.targets.end(), is_reached_by_mounting);
  if (remote != settings.targets.end()) {
    test.state = CrashTest::State::manual;
    test.detail = "look for " + name + " on " + remote->describe();
  } else if (!problems.empty()) {
    test.detail = problems.front();  // once it is mounted, the next look tells
  } else {
    test.state = CrashTest::State::fail;
    test.detail = "there is no " + name + " on " + name_of(settings, settings.targets.front());
  }
  return test;
}

Result<CrashTest> look_for_crash_test(const HostPaths& paths, const Settings& settings) {
  KDUMP_TRY_ASSIGN(CrashTest test, read_crash_test(paths));
  if (test.state != CrashTest::State::pending) return test;
  std::vector<std::string> problems;
  const auto captures = find_captures(paths, settings, problems);
  test = settle_crash_test(std::move(test), read_boot_id(paths), settings, captures, problems);
  // Who may read it and not write it sees the same again next time.
  if (test.state != CrashTest::State::pending) (void)write_crash_test(paths, test);
  return test;
}

std::string describe(const CrashTest& test) {
  const std::string when = test.at == 0 ? "" : " of " + time_text(test.at);
  switch (test.state) {
    case CrashTest::State::none:
      return "no crash test was made with this image; 'kdumpctl test' crashes the host and shows "
             "whether a dump comes out";
    case CrashTest::State::pending:
      if (test.detail.empty()) return "the crash test" + when + " has not crashed this host";
      return "what came of the crash test" + when + " cannot be told yet: " + test.detail;
    case CrashTest::State::success:
      return "the crash test" + when + " saved a dump: " + test.detail;
    case CrashTest::State::fail:
      return "the crash test" + when + " saved no dump: " + test.detail;
    case CrashTest::State::manual:
      return "the crash test" + when + " saved to where this host cannot look: " + test.detail;
  }
  return "";
}

namespace {

void say(const HostPaths& paths, bool also_none) {
  const auto loaded = load_settings(paths.config_files());
  if (!loaded || !loaded->settings.sysconfig.creation_notification) return;
  const auto test = look_for_crash_test(paths, loaded->settings);
  if (!test) return;  // for root's eyes
  if (test->state == CrashTest::State::none && !also_none) return;
  const std::string line = "Notice: " + describe(*test);
  if (test->state == CrashTest::State::fail)
    log::warning(line);
  else
    log::info(line);
}

}  // namespace

void say_crash_test(const HostPaths& paths) {
  say(paths, true);
}

void say_known_crash_test(const HostPaths& paths) {
  say(paths, false);
}

Error crash_for_test(const Host& host) {
  const auto fadump = read_text_file(host.paths.sys_kernel() + "/fadump/enabled");
  if (fadump && fadump->starts_with('1'))
    return {Errc::unsupported,
            "a firmware-assisted dump (fadump) cannot be told that it is a test: crash the host "
            "yourself (echo c > /proc/sysrq-trigger) and look for the dump after its boot"};
  KDUMP_TRY_ASSIGN(const ArmPlan plan, plan_reload(host));
  const CrashTest test = begin_test(host.paths);
  ArmPlan marked = plan;
  marked.command_line += " kdump_test_id=" + test.id;
  KDUMP_TRY(check_command_line_length(marked.command_line, plan.kernel.command_line_size));

  KDUMP_TRY(write_crash_test(host.paths, test));
  // Not load_planned(): a command line of a test is none to fall back to.
  const CrashImage image{marked.kernel.path, marked.image, marked.command_line};
  if (auto loaded = load_crash_image(host.paths, host.kexec_file_load, image); !loaded)
    return recover(host, plan, std::move(loaded).error());
  log::info("crashing now; after the boot, 'kdumpctl status' says what came of test " + test.id);
  ::sync();
  auto crashed = write_existing_file(host.paths.sysrq_trigger(), "c\n");
  // Only a kernel that does not crash gets here.
  return recover(host, plan,
                 crashed ? Error(Errc::io, host.paths.sysrq_trigger() +
                                               ": this host did not crash when it was told to")
                         : std::move(crashed).error());
}

}  // namespace kdump
