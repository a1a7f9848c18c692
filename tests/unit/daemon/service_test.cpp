// start, stop and their kind on a host in a directory: what is loaded afterwards, what is said, and
// that no failure costs the image that was loaded before.
#include "daemon/arm/service.h"

#include <gmock/gmock.h>

#include "makedump/base/log.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

const std::string kImage = "initramfs-" + kRelease + "kdump.img";
const std::string kLastGood = "last-good-" + kRelease + ".img";

// Runs an action and returns what it says.
template <class Action>
std::string said_by(Action action) {
  CaptureStderr();
  log::open("kdump", log::Where::standard_error);
  action();
  return GetCapturedStderr();
}

struct Ran {
  ServiceState state;
  std::string said;
};

Ran run(FakeHost& fake, ServiceState (*action)(const Host&)) {
  Ran ran;
  ran.said = said_by([&] { ran.state = action(fake.host); });
  return ran;
}

std::string rebuilding(const FakeHost& fake) {
  return "kdump: Rebuilding " + fake.root() + "/var/lib/kdump/" + kImage + "\n";
}

TEST(Service, StartStatusStop) {
  FakeHost fake;
  int status = -1;
  EXPECT_EQ(said_by([&] { status = report_status(fake.host); }),
            "kdump: Kdump is not operational\n");
  EXPECT_EQ(status, 3);

  Ran start = run(fake, start_service);
  EXPECT_TRUE(start.state.ok);
  EXPECT_EQ(start.said, rebuilding(fake) + "kdump: Starting kdump: [OK]\n");
  EXPECT_EQ(start.state.summary,
            "Armed for 6.1.0-56-amd64: dumps go to UUID=root in /var/crash, 192.0 MiB reserved");
  EXPECT_EQ(fake.loaded_image, kImage);
  EXPECT_THAT(fake.loaded_command_line,
              testing::MatchesRegex("ro console=ttyS0 novmcoredd .*disable_cpu_apicid=2 .*"));

  EXPECT_EQ(said_by([&] { status = report_status(fake.host); }), "kdump: Kdump is operational\n");
  EXPECT_EQ(status, 0);

  Ran again = run(fake, start_service);
  EXPECT_TRUE(again.state.ok);
  EXPECT_EQ(again.said, "kdump: WARNING: Kdump already running\n");
  EXPECT_EQ(again.state.armed, Armed::with_older_image);
  EXPECT_EQ(fake.loads, 1);

  Ran stop = run(fake, stop_service);
  EXPECT_TRUE(stop.state.ok);
  EXPECT_EQ(stop.said, "kdump: Stopping kdump: [OK]\n");
  EXPECT_EQ(fake.loaded_image, "");
}

TEST(Service, ShowsReservedMemory) {
  FakeHost fake;
  int status = -1;
  EXPECT_EQ(said_by([&] { status = report_reserved_memory(fake.host); }),
            "kdump: Reserved 192MB memory for crash kernel\n");
  EXPECT_EQ(status, 0);
}

struct Impossible {
  const char* what;
  void (*spoil)(FakeHost&);
  const char* said;  // part of it
};

const Impossible kImpossible[] = {
    {"nothing reserved", [](FakeHost& fake) { fake.write("/sys/kernel/kexec_crash_size", "0\n"); },
     "kdump: No memory reserved for crash kernel"},
    {"no config", [](FakeHost& fake) { fake.remove("/etc/kdump.conf"); },
     "kdump: Error: No kdump config file found!"},
    {"bad config", [](FakeHost& fake) { fake.write("/etc/kdump.conf", "#\nnfs host:/export\n"); },
     "/etc/kdump.conf:2: 'nfs host:/export' is not supported by this version of kdumpd"},
    {"no kernel", [](FakeHost& fake) { fake.remove("/boot"); },
     "kdump: no kernel file of the running kernel"},
    {"not a kernel", [](FakeHost& fake) { fake.write("/boot/vmlinuz-" + kRelease, "junk"); },
     "this is not a Linux kernel"},
    {"loading disabled",
     [](FakeHost& fake) { fake.write("/proc/sys/kernel/kexec_load_disabled", "1\n"); },
     "kdump: kernel.kexec_load_disabled is 1"},
    {"command line too long",
     [](FakeHost& fake) { fake.write("/proc/cmdline", "x=" + std::string(2000, 'y')); },
     "kdump: the capture kernel's command line is 2"},
    {"image cannot be built", [](FakeHost& fake) { fake.build_fails = true; },
     "kdump-capture is missing"},
    {"does not fit", [](FakeHost& fake) { fake.image_bytes = 160u << 20; },
     "(160.0 MiB) do not fit into the 192.0 MiB reserved for the crash kernel: boot with a larger "
     "crashkernel="},
    {"target cannot be found",
     [](FakeHost& fake) {
       fake.host.resolve_target = [](const Settings&) -> Result<CapturePlan> {
         return Error(Errc::not_found, "UUID=1: no such device");
       };
     },
     "kdump: UUID=1: no such device"},
};

TEST(Service, StartFailsWithTheReason) {
  for (const Impossible& impossible : kImpossible) {
    SCOPED_TRACE(impossible.what);
    FakeHost fake;
    impossible.spoil(fake);
    const Ran start = run(fake, start_service);
    EXPECT_FALSE(start.state.ok);
    EXPECT_EQ(start.state.armed, Armed::no);
    EXPECT_THAT(start.said, HasSubstr(impossible.said));
    EXPECT_THAT(start.said, testing::EndsWith("kdump: Starting kdump: [FAILED]\n"));
    EXPECT_THAT(start.state.summary, testing::StartsWith("Not armed: "));
    EXPECT_EQ(fake.loads, 0);
  }
}

TEST(Service, WhatIsWrongBeforehandNeverCostsTheLoadedImage) {
  for (const Impossible& impossible : kImpossible) {
    SCOPED_TRACE(impossible.what);
    FakeHost fake;
    ASSERT_TRUE(run(fake, start_service).state.ok);
    impossible.spoil(fake);
    const Ran restart = run(fake, restart_service);
    EXPECT_FALSE(restart.state.ok);
    EXPECT_EQ(restart.state.armed, Armed::with_older_image);
    EXPECT_THAT(restart.said, HasSubstr(impossible.said));
    EXPECT_THAT(restart.said,
                HasSubstr("kdump: WARNING: the capture image loaded before stays armed\n"));
    EXPECT_EQ(fake.loaded_image, kImage);
    EXPECT_EQ(fake.loads, 1);
  }
}

TEST(Service, RestartTakesTheNewConfiguration) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  fake.write("/etc/kdump.conf", "path /srv\n");
  const Ran restart = run(fake, restart_service);
  EXPECT_TRUE(restart.state.ok);
  EXPECT_EQ(restart.said,
            rebuilding(fake) + "kdump: Stopping kdump: [OK]\nkdump: Starting kdump: [OK]\n");
  EXPECT_EQ(fake.read("/var/lib/kdump/" + kImage), "image 2 for /srv");
  EXPECT_EQ(fake.loads, 2);
}

TEST(Service, RefusedImageIsReplacedByTheLastGoodOne) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  const std::string good_command_line = fake.loaded_command_line;
  fake.write("/proc/cmdline", "something else\n");
  fake.answers = {EADDRNOTAVAIL};
  const Ran restart = run(fake, restart_service);
  EXPECT_FALSE(restart.state.ok);
  EXPECT_EQ(restart.state.armed, Armed::with_older_image);
  EXPECT_THAT(restart.said, HasSubstr("do not fit into the memory reserved"));
  EXPECT_THAT(restart.said,
              HasSubstr("kdump: WARNING: the last capture image that worked is armed instead\n"));
  EXPECT_EQ(fake.loaded_image, kLastGood);
  EXPECT_EQ(fake.loaded_command_line, good_command_line);
  EXPECT_EQ(fake.read("/var/lib/kdump/" + kLastGood), "image 1 for /var/crash");

  // And once more: the last good one stays what it is.
  fake.answers = {EADDRNOTAVAIL};
  EXPECT_EQ(run(fake, restart_service).state.armed, Armed::with_older_image);
  EXPECT_EQ(fake.read("/var/lib/kdump/" + kLastGood), "image 1 for /var/crash");
}

TEST(Service, EarlyRefusalKeepsTheLoadedImage) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  fake.refuses_early = true;
  fake.answers = {EPERM};
  const Ran restart = run(fake, restart_service);
  EXPECT_FALSE(restart.state.ok);
  EXPECT_EQ(fake.loaded_image, kImage);
  EXPECT_EQ(fake.loads, 2);
  EXPECT_THAT(restart.said, HasSubstr("the capture image loaded before stays armed"));
}

TEST(Service, NothingLeftIsSaid) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  fake.answers = {ENOEXEC, ENOEXEC};
  const Ran restart = run(fake, restart_service);
  EXPECT_EQ(restart.state.armed, Armed::no);
  EXPECT_THAT(restart.said,
              HasSubstr("kdump: no capture image is loaded now: a crash would not be saved\n"));
  EXPECT_EQ(fake.loaded_image, "");
}

TEST(Service, ReloadUsesTheImageThatIsThere) {
  FakeHost fake;
  const Ran without = run(fake, reload_service);
  EXPECT_FALSE(without.state.ok);
  EXPECT_THAT(without.said, HasSubstr("there is no capture image to load again; 'kdumpctl "
                                      "restart' builds one"));
  ASSERT_TRUE(run(fake, start_service).state.ok);
  fake.write("/proc/cmdline", "changed\n");
  fake.write("/etc/kdump.conf", "broken\n");
  const Ran reload = run(fake, reload_service);
  EXPECT_TRUE(reload.state.ok) << reload.said;
  EXPECT_EQ(fake.builds, 1);
  EXPECT_THAT(fake.loaded_command_line, testing::StartsWith("changed novmcoredd"));
}

TEST(Service, RebuildLoadsNothing) {
  FakeHost fake;
  const Ran rebuild = run(fake, rebuild_service);
  EXPECT_TRUE(rebuild.state.ok);
  EXPECT_EQ(rebuild.said, rebuilding(fake));
  EXPECT_EQ(fake.loads, 0);
  EXPECT_EQ(fake.builds, 1);
}

TEST(Service, ForceNoRebuildUsesTheImageThatIsThere) {
  FakeHost fake;
  fake.write("/etc/kdump.conf", "force_no_rebuild 1\n");
  ASSERT_TRUE(run(fake, start_service).state.ok);
  EXPECT_EQ(fake.builds, 1);  // there was none
  ASSERT_TRUE(run(fake, restart_service).state.ok);
  EXPECT_EQ(fake.builds, 1);
}

TEST(Service, WarningsAreSaidOnce) {
  FakeHost fake;
  fake.write("/etc/kdump.conf", "default halt\n");
  fake.write("/etc/kdump/post.d/10-mail", "#!/bin/sh\n");
  EXPECT_EQ(run(fake, start_service).said,
            "kdump: WARNING: " + fake.root() +
                "/etc/kdump.conf:1: option 'default' was renamed to 'failure_action' and will go "
                "away one day\n"
                "kdump: WARNING: " +
                fake.root() +
                "/etc/kdump.conf:1: write 'failure_action halt' instead of 'default halt'\n"
                "kdump: WARNING: " +
                fake.root() +
                "/etc/kdump/post.d: programs in it are not run by this version of kdumpd\n" +
                rebuilding(fake) + "kdump: Starting kdump: [OK]\n");
}

TEST(Service, WatchdogsThatTickAreToldToStayQuiet) {
  FakeHost fake;
  fake.write("/sys/class/watchdog/watchdog0/state", "active\n");
  fake.make_directory("/sys/class/watchdog/watchdog0/device/driver");
  std::filesystem::create_symlink(
      "/sys/module/iTCO_wdt", fake.root() + "/sys/class/watchdog/watchdog0/device/driver/module");
  fake.write("/sys/class/watchdog/watchdog1/state", "inactive\n");
  ASSERT_TRUE(run(fake, start_service).state.ok);
  EXPECT_THAT(fake.loaded_command_line, HasSubstr(" iTCO_wdt.pretimeout=0 "));
}

}  // namespace
}  // namespace kdump
