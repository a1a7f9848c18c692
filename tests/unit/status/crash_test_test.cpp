#include "daemon/status/crash_test.h"

#include <gtest/gtest.h>

#include "daemon/arm/service.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using State = CrashTest::State;

constexpr char kId[] = "1795480000-000000042";

CrashTest pending() {
  return {State::pending, kId, 1795480000, "boot-1", ""};
}

Capture capture(Capture::State state) {
  Capture found;
  found.id = std::string("kdump-test-") + kId;
  found.directory = "/var/crash/" + found.id;
  found.state = state;
  found.test = true;
  return found;
}

TEST(CrashTestRecord, ComesBackAsItWasWritten) {
  const FakeHost fake;
  fake.make_directory("/var/lib/kdump");
  EXPECT_EQ(read_crash_test(fake.host.paths)->state, State::none);
  for (const State state : {State::pending, State::success, State::fail, State::manual}) {
    CrashTest test = pending();
    test.state = state;
    test.detail = "some words: of /var/crash";
    ASSERT_TRUE(write_crash_test(fake.host.paths, test));
    const auto back = read_crash_test(fake.host.paths);
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->state, state);
    EXPECT_EQ(back->id, test.id);
    EXPECT_EQ(back->at, test.at);
    EXPECT_EQ(back->boot_id, test.boot_id);
    EXPECT_EQ(back->detail, test.detail);
    // RHEL's first word
    EXPECT_EQ(fake.read("/var/lib/kdump/vmcore-creation.status").substr(0, 4),
              std::string(name_of(state)).substr(0, 4));
  }
  forget_crash_test(fake.host.paths);
  EXPECT_EQ(read_crash_test(fake.host.paths)->state, State::none);
}

TEST(CrashTestRecord, NonsenseIsAnError) {
  const FakeHost fake;
  for (const char* text : {"", "\n", "success\n", "maybe 1-2 x\n", "success x x\n"}) {
    fake.write("/var/lib/kdump/vmcore-creation.status", text);
    EXPECT_FALSE(read_crash_test(fake.host.paths)) << text;
  }
}

TEST(SettledCrashTest, TellsWhatWasFound) {
  struct Row {
    const char* what;
    std::vector<Capture> captures;
    std::vector<std::string> problems;
    std::string boot_id;
    TargetKind kind;
    State state;
    const char* detail;
  };
  const Row rows[] = {
      {"found",
       {capture(Capture::State::complete)},
       {},
       "boot-2",
       TargetKind::path,
       State::success,
       "/var/crash/kdump-test-1795480000-000000042"},
      {"cut short",
       {capture(Capture::State::incomplete)},
       {},
       "boot-2",
       TargetKind::path,
       State::fail,
       "/var/crash/kdump-test-1795480000-000000042 is incomplete"},
      {"only the log",
       {capture(Capture::State::dmesg_only)},
       {},
       "boot-2",
       TargetKind::path,
       State::fail,
       "/var/crash/kdump-test-1795480000-000000042 is dmesg_only"},
      {"nothing there",
       {},
       {},
       "boot-2",
       TargetKind::path,
       State::fail,
       "there is no kdump-test-1795480000-000000042 on path /var/crash"},
      {"not crashed", {}, {}, "boot-1", TargetKind::path, State::pending, ""},
      {"not mounted",
       {},
       {"/mnt is not mounted"},
       "boot-2",
       TargetKind::filesystem,
       State::pending,
       "/mnt is not mounted"},
      {"raw",
       {},
       {},
       "boot-2",
       TargetKind::raw,
       State::manual,
       "look for kdump-test-1795480000-000000042 on raw "},
  };
  for (const Row& row : rows) {
    Settings settings;
    settings.targets.front().kind = row.kind;
    const CrashTest test =
        settle_crash_test(pending(), row.boot_id, settings, row.captures, row.problems);
    EXPECT_EQ(test.state, row.state) << row.what;
    EXPECT_EQ(test.detail, row.detail) << row.what;
  }
}

TEST(SettledCrashTest, WhatIsSettledStaysSo) {
  CrashTest test = pending();
  test.state = State::fail;
  EXPECT_EQ(
      settle_crash_test(test, "boot-3", Settings(), {capture(Capture::State::complete)}, {}).state,
      State::fail);
}

class Crash : public testing::Test {
 protected:
  Crash() {
    fake_.write("/proc/sys/kernel/random/boot_id", "boot-1\n");
    EXPECT_TRUE(rebuild_service(fake_.host).ok);
  }
  FakeHost fake_;
};

TEST_F(Crash, LoadsAMarkedCommandLineAndPullsTheTrigger) {
  fake_.write("/proc/sysrq-trigger", "");
  const Error error = crash_for_test(fake_.host);  // this kernel does not crash
  EXPECT_EQ(fake_.read("/proc/sysrq-trigger"), "c\n");
  EXPECT_NE(error.message().find("did not crash"), std::string::npos) << error.message();
  EXPECT_EQ(fake_.loads, 2);
  // Armed as before, and no test is pending
  EXPECT_EQ(fake_.loaded_command_line.find("kdump_test_id"), std::string::npos);
  EXPECT_EQ(read_crash_test(fake_.host.paths)->state, State::none);
}

TEST_F(Crash, TheMarkIsOnTheCommandLineAndOnDiskWhenTheTriggerIsPulled) {
  // A trigger that cannot be written to: what was loaded last before is the marked image.
  std::string loaded;
  const auto original = fake_.host.kexec_file_load;
  fake_.host.kexec_file_load = [&](int kernel, int initrd, const std::string& command_line,
                                   unsigned long flags) {
    if (loaded.empty())
      loaded = command_line + "|" + fake_.read("/var/lib/kdump/vmcore-creation.status");
    return original(kernel, initrd, command_line, flags);
  };
  EXPECT_NE(crash_for_test(fake_.host).message().find("sysrq-trigger"), std::string::npos);
  const size_t at = loaded.find(" kdump_test_id=");
  ASSERT_NE(at, std::string::npos) << loaded;
  const std::string id = loaded.substr(at + 15, loaded.find('|') - at - 15);
  EXPECT_EQ(id.find_first_not_of("0123456789-"), std::string::npos) << id;
  EXPECT_NE(loaded.find("|pending " + id + " boot-1\n"), std::string::npos) << loaded;
}

TEST_F(Crash, NothingIsCrashedWhenTheKernelRefuses) {
  fake_.write("/proc/sysrq-trigger", "");
  fake_.answers = {EADDRNOTAVAIL};
  EXPECT_NE(crash_for_test(fake_.host).message().find("do not fit"), std::string::npos);
  EXPECT_EQ(fake_.read("/proc/sysrq-trigger"), "");
  EXPECT_FALSE(fake_.loaded_image.empty());  // the one of before, again
  EXPECT_EQ(read_crash_test(fake_.host.paths)->state, State::none);
}

TEST_F(Crash, FirmwareAssistedDumpsAreRefused) {
  fake_.write("/sys/kernel/fadump/enabled", "1\n");
  EXPECT_EQ(crash_for_test(fake_.host).code(), Errc::unsupported);
  EXPECT_EQ(fake_.loads, 0);
}

}  // namespace
}  // namespace kdump
