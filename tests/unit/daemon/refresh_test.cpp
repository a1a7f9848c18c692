// What kdumpd has done when something changed: what is needed and no more, and told once.
#include <gmock/gmock.h>

#include "tests/unit/daemon/service_run.h"

namespace kdump {
namespace {

using testing::HasSubstr;

TEST(Service, RefreshDoesWhatIsNeededAndNoMore) {
  FakeHost fake;
  // Nothing is loaded: like start.
  EXPECT_TRUE(run(fake, refresh).state.ok);
  EXPECT_EQ(fake.builds, 1);
  EXPECT_EQ(fake.loads, 1);

  const std::string before = fake.read("/run/kdump/arming.json");
  const Ran nothing = run(fake, refresh);
  EXPECT_TRUE(nothing.state.ok);
  EXPECT_EQ(nothing.said, "");
  EXPECT_EQ(fake.read("/run/kdump/arming.json"), before);
  EXPECT_EQ(fake.builds, 1);
  EXPECT_EQ(fake.loads, 1);

  // Not what times say counts, but what is in it.
  fake.write("/usr/libexec/kdumpd/kdump-capture", "capture");
  EXPECT_EQ(run(fake, refresh).said, "");
  fake.write("/usr/libexec/kdumpd/kdump-capture", "new one");
  EXPECT_THAT(run(fake, refresh).said,
              HasSubstr("Detected change(s): " + fake.root() +
                        "/usr/libexec/kdumpd/kdump-capture changed\n" + rebuilding(fake)));
  EXPECT_EQ(fake.builds, 2);
  EXPECT_EQ(fake.loads, 2);

  // The command line is loaded anew, and nothing is built.
  fake.write("/proc/cmdline", "other\n");
  EXPECT_TRUE(run(fake, refresh).state.ok);
  EXPECT_EQ(fake.builds, 2);
  EXPECT_EQ(fake.loads, 3);
  EXPECT_THAT(fake.loaded_command_line, testing::StartsWith("other "));

  // So is the kernel, when its package was updated in place.
  fake.write("/boot/vmlinuz-" + kRelease, fake_bzimage() + "updated");
  EXPECT_TRUE(run(fake, refresh).state.ok);
  EXPECT_EQ(fake.builds, 2);
  EXPECT_EQ(fake.loads, 4);

  // Another program unloaded it.
  fake.write("/sys/kernel/kexec_crash_loaded", "0\n");
  EXPECT_TRUE(run(fake, refresh).state.ok);
  EXPECT_EQ(fake.loads, 5);
}

TEST(Service, RefreshTellsAFailureOnce) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  fake.write("/etc/kdump.conf", "nonsense\n");
  const Ran first = run(fake, refresh);
  EXPECT_FALSE(first.state.ok);
  EXPECT_THAT(first.said, HasSubstr("/etc/kdump.conf:1: "));
  EXPECT_THAT(first.said, HasSubstr("the capture image loaded before stays armed"));
  const Ran second = run(fake, refresh);
  EXPECT_FALSE(second.state.ok);
  EXPECT_EQ(second.said, "");
  EXPECT_EQ(fake.loads, 1);

  fake.write("/etc/kdump.conf", "path /var/crash\n");
  const Ran repaired = run(fake, refresh);
  EXPECT_TRUE(repaired.state.ok);
  EXPECT_EQ(repaired.said, "kdump: " + repaired.state.summary + "\n");
  EXPECT_EQ(repaired.state.armed, Armed::yes);
  EXPECT_EQ(fake.loads, 1);  // it was loaded all the time

  // A load that the kernel refuses, twice
  fake.write("/etc/kdump.conf", "path /srv\n");
  fake.answers = {EKEYREJECTED, 0, EKEYREJECTED, 0};
  EXPECT_THAT(run(fake, refresh).said, HasSubstr("its signature does not fit"));
  EXPECT_EQ(run(fake, refresh).said, "");
  EXPECT_EQ(left_state(fake).armed, Armed::with_older_image);
}

TEST(Service, RefreshLeavesAStoppedHostAlone) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  ASSERT_TRUE(run(fake, stop_service).state.ok);
  EXPECT_TRUE(run(fake, refresh).state.ok);
  EXPECT_TRUE(run(fake, hotplug).state.ok);
  EXPECT_EQ(fake.loaded_image, "");
  EXPECT_EQ(left_state(fake).action, "stop");
}

TEST(Service, HotplugLoadsAgain) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  EXPECT_TRUE(run(fake, hotplug).state.ok);
  EXPECT_EQ(fake.loads, 2);
  EXPECT_EQ(fake.builds, 1);

  fake.write("/sys/devices/system/cpu/crash_hotplug", "1\n");
  EXPECT_TRUE(run(fake, hotplug).state.ok);
  EXPECT_EQ(fake.loads, 3);  // the kernel does not do it for memory
  fake.write("/sys/devices/system/memory/crash_hotplug", "1\n");
  EXPECT_TRUE(run(fake, hotplug).state.ok);
  EXPECT_EQ(fake.loads, 3);
  fake.write("/sys/devices/system/memory/crash_hotplug", "0\n");

  // The memory is there, whatever kdump.conf says.
  const std::string good = fake.loaded_command_line;
  fake.write("/etc/kdump.conf", "nonsense\n");
  const Ran broken = run(fake, hotplug);
  EXPECT_FALSE(broken.state.ok);
  EXPECT_EQ(broken.state.armed, Armed::with_older_image);
  EXPECT_TRUE(broken.state.holding.known());
  EXPECT_EQ(fake.loads, 4);
  EXPECT_EQ(fake.loaded_command_line, good);
}

}  // namespace
}  // namespace kdump
