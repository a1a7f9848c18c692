#include "daemon/watch/device_watch.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

constexpr Work kNothing{};
constexpr Work kRefresh{.refresh = true};
constexpr Work kHotplug{.hotplug = true};

TEST(WorkForDevices, ReloadsAfterHotplugOfMemoryAndCpus) {
  const FakeHost fake;
  const auto work = [&](const char* subsystem, const char* action) {
    return work_for({.subsystem = subsystem, .action = action, .told_again = false, .names = {}},
                    {}, fake.host.paths);
  };
  EXPECT_EQ(work("memory", "online"), kHotplug);
  EXPECT_EQ(work("memory", "offline"), kHotplug);
  EXPECT_EQ(work("memory", "add"), kNothing);  // nobody can use it yet
  EXPECT_EQ(work("cpu", "add"), kHotplug);
  EXPECT_EQ(work("cpu", "remove"), kHotplug);
  EXPECT_EQ(work("cpu", "online"), kNothing);  // its notes have a place since it was added
  EXPECT_EQ(work("cpu", "offline"), kNothing);
}

TEST(WorkForDevices, LeavesHotplugToAKernelThatDoesIt) {
  const FakeHost fake;
  const auto work = [&](const char* subsystem, const char* action) {
    return work_for({.subsystem = subsystem, .action = action, .told_again = false, .names = {}},
                    {}, fake.host.paths);
  };
  fake.write("/sys/devices/system/memory/crash_hotplug", "1\n");
  EXPECT_EQ(work("memory", "online"), kNothing);
  EXPECT_EQ(work("cpu", "add"), kHotplug);
  fake.write("/sys/devices/system/cpu/crash_hotplug", "1\n");
  EXPECT_EQ(work("cpu", "add"), kNothing);
  // What is loaded cannot be updated by the kernel.
  fake.write("/sys/devices/system/memory/crash_hotplug", "0\n");
  EXPECT_EQ(work("memory", "online"), kHotplug);
}

TEST(WorkForDevices, DoesNotReloadForWhatUdevTellsAgain) {
  const FakeHost fake;
  const WatchList list{.files = {}, .directories = {}, .devices = {"/dev/vdb1"}, .mounts = {}};
  const auto work = [&](const char* subsystem, const char* action) {
    return work_for(
        {.subsystem = subsystem, .action = action, .told_again = true, .names = {"/dev/vdb1"}},
        list, fake.host.paths);
  };
  EXPECT_EQ(work("cpu", "add"), kNothing);
  EXPECT_EQ(work("memory", "online"), kNothing);
  EXPECT_EQ(work("block", "add"), kRefresh);  // udev may know it by more names now
}

TEST(WorkForDevices, LooksAtTargetsDisksOnly) {
  const FakeHost fake;
  const WatchList list{
      .files = {}, .directories = {}, .devices = {"UUID=1234", "/dev/vdb1"}, .mounts = {}};
  const auto work = [&](const char* action, std::vector<std::string> names) {
    return work_for(
        {.subsystem = "block", .action = action, .told_again = false, .names = std::move(names)},
        list, fake.host.paths);
  };
  for (const char* action : {"add", "remove", "change"}) {
    EXPECT_EQ(work(action, {"/dev/vdb1"}), kRefresh);
    EXPECT_EQ(work(action, {"/dev/sda1", "/dev/disk/by-uuid/1234", "UUID=1234"}), kRefresh);
    EXPECT_EQ(work(action, {"/dev/vdb"}), kNothing);
    EXPECT_EQ(work(action, {"/dev/loop0", "UUID=12345"}), kNothing);
    EXPECT_EQ(work(action, {}), kNothing);
  }
}

TEST(WorkForDevices, LooksAtTheNetworkWhenATargetIsThere) {
  const FakeHost fake;
  const DeviceEvent event{.subsystem = "net", .action = "add", .told_again = false, .names = {}};
  EXPECT_EQ(work_for(event, {}, fake.host.paths), kNothing);
  WatchList list;
  list.network = true;
  EXPECT_EQ(work_for(event, list, fake.host.paths), kRefresh);
}

}  // namespace
}  // namespace kdump
