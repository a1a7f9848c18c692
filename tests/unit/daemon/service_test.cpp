// start, stop and their kind on a host in a directory: what is loaded afterwards, what is said, and
// that no failure costs the image that was loaded before.
#include "daemon/arm/service.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "makedump/base/log.h"
#include "tests/unit/daemon/service_run.h"

namespace kdump {
namespace {

using testing::HasSubstr;

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
  EXPECT_EQ(again.state.armed, Armed::yes);
  EXPECT_EQ(again.state.summary, start.state.summary);
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
    {"bad config", [](FakeHost& fake) { fake.write("/etc/kdump.conf", "#\ncore_collector cp\n"); },
     "/etc/kdump.conf:2: core_collector cp is not supported by this version of kdumpd"},
    {"no kernel", [](FakeHost& fake) { fake.remove("/boot"); }, "kdump: no kernel file of kernel"},
    {"not a kernel", [](FakeHost& fake) { fake.write("/boot/vmlinuz-" + kRelease, "junk"); },
     "this is not a Linux kernel"},
    {"loading disabled",
     [](FakeHost& fake) { fake.write("/proc/sys/kernel/kexec_load_disabled", "1\n"); },
     "kdump: kernel.kexec_load_disabled is 1"},
    {"command line too long",
     [](FakeHost& fake) { fake.write("/proc/cmdline", "x=" + std::string(2000, 'y')); },
     "kdump: the capture kernel's command line is 2"},
    {"image cannot be built",
     [](FakeHost& fake) {
       fake.build_fails = true;
       fake.write("/etc/kdump.conf", "path /srv\n");
     },
     "kdump-capture is missing"},
    {"does not fit",
     [](FakeHost& fake) { fake.write("/proc/iomem", "  2a000000-2cdfffff : Crash kernel\n"); },
     " KiB) do not fit into the 46.0 MiB reserved for the crash kernel: boot with a larger "
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
  EXPECT_EQ(restart.said, "kdump: Detected change(s): directory was /var/crash, and is /srv\n" +
                              rebuilding(fake) +
                              "kdump: Stopping kdump: [OK]\nkdump: Starting kdump: [OK]\n");
  EXPECT_EQ(fake.directory_in(kImagePath), "/srv");
  EXPECT_EQ(fake.loads, 2);
}

TEST(Service, RefusedImageIsReplacedByTheLastGoodOne) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  const std::string good_command_line = fake.loaded_command_line;
  fake.write("/proc/cmdline", "something else\n");
  fake.write("/etc/kdump.conf", "path /srv\n");
  fake.answers = {EADDRNOTAVAIL};
  const Ran restart = run(fake, restart_service);
  EXPECT_FALSE(restart.state.ok);
  EXPECT_EQ(restart.state.armed, Armed::with_older_image);
  EXPECT_THAT(restart.said, HasSubstr("do not fit into the memory reserved"));
  EXPECT_THAT(restart.said,
              HasSubstr("kdump: WARNING: the last capture image that worked is armed instead\n"));
  const std::string kept = fake.loaded_image;
  EXPECT_THAT(kept, testing::MatchesRegex("last-good-[0-9a-f]*.img"));
  EXPECT_EQ(fake.loaded_command_line, good_command_line);
  EXPECT_EQ(fake.directory_in("/var/lib/kdump/" + kept), "/var/crash");
  // And once more: the last good one stays what it is.
  fake.answers = {EADDRNOTAVAIL};
  EXPECT_EQ(run(fake, restart_service).state.armed, Armed::with_older_image);
  EXPECT_EQ(fake.loaded_image, kept);
  EXPECT_EQ(fake.directory_in("/var/lib/kdump/" + kept), "/var/crash");
}

// A file in /boot that was written over, as `cp` does it, is what the new and the old image name.
TEST(Service, ASpoiltKernelIsReplacedByTheLastGoodOne) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  const std::string kernel = "/boot/vmlinuz-" + kRelease;
  const std::string good = fake.read(kernel);
  fake.write(kernel, good + "x");
  fake.answers = {EKEYREJECTED};
  const Ran restart = run(fake, restart_service);
  EXPECT_EQ(restart.state.armed, Armed::with_older_image);
  EXPECT_THAT(restart.said, HasSubstr("its signature does not fit"));
  EXPECT_EQ(fake.loaded_kernel, good);
  EXPECT_EQ(restart.state.holding.image_digest, left_state(fake).holding.image_digest);

  // Mended, it is loaded from where it belongs, and one copy is kept.
  fake.write(kernel, good + "y");
  EXPECT_TRUE(run(fake, restart_service).state.ok);
  EXPECT_EQ(fake.loaded_kernel, good + "y");
  int copies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(fake.root() + "/var/lib/kdump"))
    copies += entry.path().extension() == ".vmlinuz" ? 1 : 0;
  EXPECT_EQ(copies, 1);

  // A copy that is damaged is not loaded, and is made again.
  for (const auto& entry : std::filesystem::directory_iterator(fake.root() + "/var/lib/kdump"))
    if (entry.path().extension() == ".vmlinuz") std::filesystem::resize_file(entry.path(), 700);
  fake.answers = {EKEYREJECTED};
  const Ran refused = run(fake, restart_service);
  EXPECT_EQ(refused.state.armed, Armed::no);
  EXPECT_THAT(refused.said, HasSubstr("is not the kernel that was loaded before"));
  EXPECT_TRUE(run(fake, restart_service).state.ok);
  fake.answers = {EKEYREJECTED};
  EXPECT_EQ(run(fake, restart_service).state.armed, Armed::with_older_image);
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
                "/etc/kdump/post.d/10-mail is not run: it is not an executable file; chmod +x "
                "it, or remove it\n" +
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

TEST(Service, EachActionLeavesWhatBecameOfIt) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  ArmingState state = left_state(fake);
  EXPECT_EQ(state.action, "start");
  EXPECT_TRUE(state.ok);
  EXPECT_EQ(state.armed, Armed::yes);
  EXPECT_EQ(state.reason, "");
  EXPECT_EQ(state.holding.kernel, fake.root() + "/boot/vmlinuz-" + kRelease);
  EXPECT_EQ(state.holding.image, fake.root() + kImagePath);
  EXPECT_EQ(state.holding.command_line, fake.loaded_command_line);
  EXPECT_TRUE(state.holding.known());
  EXPECT_GT(state.holding.loaded_at, 1600000000);
  struct stat info {};
  ASSERT_EQ(::stat((fake.root() + "/run/kdump/arming.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
  ASSERT_EQ(::stat((fake.root() + "/run/kdump").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  const Holding first = state.holding;

  // A failure leaves what the kernel holds, and says why.
  fake.write("/etc/kdump.conf", "nonsense\n");
  run(fake, restart_service);
  state = left_state(fake);
  EXPECT_EQ(state.action, "restart");
  EXPECT_FALSE(state.ok);
  EXPECT_EQ(state.armed, Armed::with_older_image);
  EXPECT_THAT(state.reason, HasSubstr("/etc/kdump.conf:1: "));
  EXPECT_EQ(state.summary,
            "Armed with the image loaded before, not with what is configured: " + state.reason);
  EXPECT_EQ(state.holding.image_digest, first.image_digest);
  EXPECT_EQ(state.holding.loaded_at, first.loaded_at);

  // What is built is not what is loaded.
  fake.write("/etc/kdump.conf", "path /srv\n");
  run(fake, rebuild_service);
  state = left_state(fake);
  EXPECT_TRUE(state.ok);
  EXPECT_EQ(state.armed, Armed::with_older_image);
  EXPECT_EQ(state.holding.image_digest, first.image_digest);

  run(fake, reload_service);
  state = left_state(fake);
  EXPECT_EQ(state.armed, Armed::yes);
  EXPECT_NE(state.holding.image_digest, first.image_digest);
  EXPECT_THAT(state.summary, HasSubstr("dumps go to UUID=root in /srv"));

  run(fake, stop_service);
  state = left_state(fake);
  EXPECT_EQ(state.armed, Armed::no);
  EXPECT_FALSE(state.holding.known());
}

// An image of the admin's own is loaded as it is, if that is asked for.
TEST(Service, DamagedImagesAreNeverLoaded) {
  FakeHost fake;
  fake.write("/etc/kdump.conf", "force_no_rebuild 1\n");
  ASSERT_TRUE(run(fake, start_service).state.ok);
  std::string image = fake.read(kImagePath);
  image.back() = static_cast<char>(image.back() ^ 1);
  fake.write(kImagePath, image);
  EXPECT_FALSE(run(fake, reload_service).state.ok);
  EXPECT_EQ(fake.loads, 1);
  const Ran rebuilt = run(fake, restart_service);
  EXPECT_TRUE(rebuilt.state.ok);
  EXPECT_THAT(rebuilt.said, HasSubstr("the capture image is damaged"));
  EXPECT_EQ(fake.builds, 2);

  // Neither is the last good one.
  for (const auto& entry : std::filesystem::directory_iterator(fake.root() + "/var/lib/kdump"))
    if (entry.path().filename().string().starts_with("last-good-"))
      std::filesystem::resize_file(entry.path(), 700);
  fake.write("/etc/kdump.conf", "path /srv\n");
  fake.answers = {EKEYREJECTED};
  const Ran refused = run(fake, restart_service);
  EXPECT_EQ(refused.state.armed, Armed::no);
  EXPECT_THAT(refused.said, HasSubstr("instead: "));

  fake.write("/etc/kdump.conf", "force_no_rebuild 1\n");
  fake.write(kImagePath, "an initramfs made by hand");
  EXPECT_TRUE(run(fake, restart_service).state.ok);
  EXPECT_EQ(fake.read(kImagePath), "an initramfs made by hand");
  EXPECT_TRUE(run(fake, reload_service).state.ok);  // it is what is loaded
  fake.write(kImagePath, "another one");
  EXPECT_FALSE(run(fake, reload_service).state.ok);
}

TEST(Service, ForceRebuildIsForStartsNotForLooks) {
  FakeHost fake;
  fake.write("/etc/kdump.conf", "force_rebuild 1\n");
  ASSERT_TRUE(run(fake, start_service).state.ok);
  ASSERT_TRUE(run(fake, restart_service).state.ok);
  EXPECT_EQ(fake.builds, 2);
  EXPECT_EQ(run(fake, refresh).said, "");
  EXPECT_EQ(fake.builds, 2);
}

TEST(Service, LeftoversOfKilledBuildsGo) {
  FakeHost fake;
  fake.write("/var/lib/kdump/initramfs-5.10kdump.img.new", "half");
  fake.write("/var/lib/kdump/dracut-Xy12Zz/files/etc/keys/crash", "secret");
  fake.write(kImagePath + ".new", "half");
  fake.write("/var/lib/kdump/initramfs-5.11kdump.img", "of a kernel that was removed");
  fake.write("/var/lib/kdump/initramfs-5.12kdump.img", "of a kernel that is there");
  fake.make_directory("/lib/modules/5.12");
  ASSERT_TRUE(run(fake, start_service).state.ok);
  EXPECT_FALSE(std::filesystem::exists(fake.root() + "/var/lib/kdump/initramfs-5.11kdump.img"));
  EXPECT_TRUE(std::filesystem::exists(fake.root() + "/var/lib/kdump/initramfs-5.12kdump.img"));
  EXPECT_FALSE(std::filesystem::exists(fake.root() + "/var/lib/kdump/initramfs-5.10kdump.img.new"));
  EXPECT_FALSE(std::filesystem::exists(fake.root() + "/var/lib/kdump/dracut-Xy12Zz"));
  EXPECT_FALSE(std::filesystem::exists(fake.root() + kImagePath + ".new"));
}

TEST(Service, SysconfigChoosesTheKernel) {
  FakeHost fake;
  const std::string other = "6.12.1";
  fake.write("/etc/sysconfig/kdump", "KDUMP_KERNELVER=\"" + other + "\"\n");
  Ran start = run(fake, start_service);
  EXPECT_FALSE(start.state.ok);
  EXPECT_THAT(start.said, HasSubstr("/etc/sysconfig/kdump: KDUMP_KERNELVER: no kernel file of "
                                    "kernel 6.12.1 (looked for "));
  fake.write("/boot/vmlinuz-" + other, fake_bzimage(other));
  start = run(fake, start_service);
  EXPECT_TRUE(start.state.ok) << start.said;
  EXPECT_EQ(fake.loaded_image, "initramfs-6.12.1kdump.img");
  EXPECT_THAT(start.state.summary, testing::StartsWith("Armed for 6.12.1: "));

  fake.write("/boot/special/bzImage-" + kRelease + ".gz", fake_bzimage());
  fake.write("/etc/sysconfig/kdump",
             "KDUMP_BOOTDIR=\"/boot/special\"\nKDUMP_IMG=\"bzImage\"\nKDUMP_IMG_EXT=\".gz\"\n"
             "KEXEC_ARGS=\"-s --no-checks\"\nKDUMP_STDLOGLVL=4\n");
  const Ran restart = run(fake, restart_service);
  EXPECT_TRUE(restart.state.ok) << restart.said;
  EXPECT_EQ(restart.state.holding.kernel,
            fake.root() + "/boot/special/bzImage-" + kRelease + ".gz");
  EXPECT_THAT(restart.said, HasSubstr("KEXEC_ARGS: --no-checks has no effect"));
  EXPECT_THAT(fake.loaded_command_line, HasSubstr(" rd.kdumploglvl=4 "));
}

TEST(Service, DebugKernelsAreArmedWithThePlainOne) {
  FakeHost fake;
  fake.host.release = kRelease + "+debug";
  fake.write("/boot/vmlinuz-" + kRelease + "+debug", fake_bzimage(kRelease + "+debug"));
  Ran start = run(fake, start_service);
  EXPECT_TRUE(start.state.ok) << start.said;
  EXPECT_EQ(fake.loaded_image, kImage);
  fake.remove("/boot/vmlinuz-" + kRelease);
  EXPECT_TRUE(run(fake, restart_service).state.ok);
  EXPECT_EQ(fake.loaded_image, "initramfs-" + kRelease + "+debugkdump.img");
}

}  // namespace
}  // namespace kdump
