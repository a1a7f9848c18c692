// The watcher with real processes, files, signals and timers; only kdumpctl is a script that does
// what the test has told it to.
#include "daemon/watch/watcher.h"

#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/daemon/fake_host.h"
#include "tests/unit/daemon/notify_listener.h"

namespace kdump {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kLimit = 20s;

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    fake_.make_directory("/run/kdump");
    fake_.make_directory("/var/lib/kdump");
    fake_.write("/list", "prove-every 0\n");
    arms_as(Armed::yes, "Armed for test");
    options_.paths = fake_.host.paths;
    options_.kdumpctl = fake_.root() + "/kdumpctl";
    options_.fixed = fixed_watch_list(options_.paths, kRelease, fake_.root() + "/programs");
    options_.settle = 100ms;
    options_.longest = 1s;
    options_.job_limit = 5s;
    options_.first_retry = 1s;
    fake_.write("/kdumpctl", "#!/bin/sh\nroot=" + fake_.root() + R"(
echo "$KDUMP_FROM: $*" >> $root/calls
test -e $root/trouble && . $root/trouble
case $1 in
  _watch) cat $root/list ;;
  start | restart | _refresh) cp $root/loads $root/sys/kernel/kexec_crash_loaded
    cp $root/says $root/run/kdump/.new && mv $root/run/kdump/.new $root/run/kdump/arming.json ;;
  _prove) exit 1 ;;
esac
)");
    std::filesystem::permissions(fake_.root() + "/kdumpctl", std::filesystem::perms::owner_all);
  }
  ~WatcherTest() override {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGTERM);  // ends its kdumpctl, too
    (void)::waitpid(pid_, nullptr, 0);
  }

  // What the next kdumpctl finds and leaves behind.
  void arms_as(Armed armed, const std::string& summary, const std::string& action = "start") const {
    ArmingState state;
    state.action = action;
    state.ok = armed == Armed::yes || action == "stop";
    state.armed = armed;
    state.summary = summary;
    // Not in its place, where it would be noticed.
    const HostPaths aside{.root = fake_.root() + "/aside"};
    std::filesystem::create_directories(aside.root + "/run/kdump");
    EXPECT_TRUE(write_arming_state(aside, state));
    std::filesystem::rename(aside.arming_state(), fake_.root() + "/says");
    fake_.write("/loads", armed == Armed::no ? "0\n" : "1\n");
  }

  void start() {
    pid_ = ::fork();
    if (pid_ != 0) return;
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGCHLD})
      sigaddset(&signals, number);
    (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);
    auto loop = EventLoop::open();
    if (!loop) ::_exit(100);
    int status = 101;
    {
      Watcher watcher(options_, *loop);
      if (const auto result = watcher.run()) status = *result;
    }
    ::_exit(status);
  }
  void start_and_wait_for_calls(const std::string& calls) {
    start();
    EXPECT_EQ(says(), "READY=1\nSTATUS=Armed for test");
    EXPECT_EQ(calls_until(calls), calls);
    pause(500ms);  // that the last of them ends, and is taken in
  }

  [[nodiscard]] std::string says() const { return systemd_.next(kLimit); }
  // kdumpctl's calls so far, as soon as they are `wanted`.
  [[nodiscard]] std::string calls_until(const std::string& wanted) const {
    const auto end = std::chrono::steady_clock::now() + kLimit;
    std::string calls;
    while ((calls = fake_.read("/calls")) != wanted && std::chrono::steady_clock::now() < end)
      ::usleep(20'000);
    return calls;
  }
  [[nodiscard]] int ends() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  void signal(int number) const { (void)::kill(pid_, number); }
  static void pause(std::chrono::milliseconds time) {
    ::usleep(static_cast<useconds_t>(time.count() * 1000));
  }

  const std::string started_ = "kdumpd: start\nkdumpd: _watch\n";
  const std::string refreshed_ = "kdumpd: _watch\nkdumpd: _refresh\n";

  FakeHost fake_;
  NotifyListener systemd_;
  WatchOptions options_;
  pid_t pid_ = -1;
};

TEST_F(WatcherTest, ArmsThenSleepsThenEnds) {
  start_and_wait_for_calls(started_);
  pause(500ms);
  EXPECT_EQ(fake_.read("/calls"), started_);
  signal(SIGTERM);
  EXPECT_EQ(ends(), 0);
}

TEST_F(WatcherTest, FailsWhenItCannotArm) {
  arms_as(Armed::no, "Not armed: no memory");
  start();
  EXPECT_EQ(says(), "STATUS=Not armed: no memory");
  EXPECT_EQ(ends(), 1);
}

TEST_F(WatcherTest, LoadsAgainWhatAnotherLifeLeftLoaded) {
  fake_.write("/sys/kernel/kexec_crash_loaded", "1\n");
  start_and_wait_for_calls("kdumpd: _refresh --hotplug\nkdumpd: _watch\n");
}

TEST_F(WatcherTest, LooksOnceAfterManyChanges) {
  start_and_wait_for_calls(started_);
  arms_as(Armed::with_older_image, "Armed with the image loaded before: x", "refresh");
  for (int change = 0; change < 5; ++change) {
    fake_.write("/etc/kdump.conf", "path /srv\n");
    fake_.write("/boot/initrd", "x");
    pause(20ms);
  }
  EXPECT_EQ(says(), "STATUS=Armed with the image loaded before: x");
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_);
  // Places that were not there at the start
  fake_.write("/etc/kdump/policy.yaml", "x");
  EXPECT_THAT(says(), StartsWith("STATUS="));
  fake_.write("/etc/kdump/policy.yaml", "y");
  EXPECT_THAT(says(), StartsWith("STATUS="));
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_ + refreshed_ + refreshed_);
}

TEST_F(WatcherTest, DoesNotMissWhatHappensDuringAJob) {
  start_and_wait_for_calls(started_);
  fake_.write("/trouble", "test $1 = _refresh && sleep 1\n");
  fake_.write("/etc/kdump.conf", "path /srv\n");
  EXPECT_EQ(calls_until(started_ + refreshed_), started_ + refreshed_);
  fake_.write("/etc/kdump.conf", "path /other\n");
  EXPECT_EQ(calls_until(started_ + refreshed_ + refreshed_), started_ + refreshed_ + refreshed_);
}

TEST_F(WatcherTest, ReloadsOnRequest) {
  start_and_wait_for_calls(started_);
  signal(SIGHUP);
  EXPECT_THAT(says(), StartsWith("RELOADING=1\n"));
  EXPECT_EQ(says(), "READY=1\nSTATUS=Armed for test");
  EXPECT_EQ(fake_.read("/calls"), started_ + "kdumpd: _watch\nkdumpd: restart\n");
}

TEST_F(WatcherTest, WatchesWhatTheSettingsName) {
  fake_.write("/list", "file " + fake_.root() + "/keys/key\nprove-every 0\n");
  start_and_wait_for_calls(started_);
  fake_.make_directory("/keys");
  EXPECT_THAT(says(), StartsWith("STATUS="));
  fake_.write("/keys/key", "x");
  EXPECT_THAT(says(), StartsWith("STATUS="));
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_ + refreshed_);
}

TEST_F(WatcherTest, NoticesAFileSystemThatIsMountedOverATarget) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: mounts file systems";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  fake_.make_directory("/var/crash");
  fake_.make_directory("/srv");
  const auto mount = [this](const std::string& at) {
    ASSERT_EQ(::mount("none", (fake_.root() + at).c_str(), "tmpfs", 0, nullptr), 0);
  };
  fake_.write("/list", "mount " + fake_.root() + "/var/crash\nprove-every 0\n");
  start_and_wait_for_calls(started_);
  mount("/srv");  // none of its business
  pause(500ms);
  EXPECT_EQ(fake_.read("/calls"), started_);
  mount("/var/crash");
  EXPECT_THAT(says(), StartsWith("STATUS="));
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_);
  ASSERT_EQ(::umount((fake_.root() + "/var/crash").c_str()), 0);
  EXPECT_THAT(says(), StartsWith("STATUS="));
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_ + refreshed_);
  ASSERT_EQ(::umount((fake_.root() + "/srv").c_str()), 0);
  pause(500ms);
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_ + refreshed_);
}

TEST_F(WatcherTest, NoticesWhatIsMountedWhileItArmsForTheFirstTime) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: mounts file systems";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  fake_.make_directory("/var/crash");
  fake_.write("/list", "mount " + fake_.root() + "/var/crash\nprove-every 0\n");
  fake_.write("/trouble", "test $1 = start && mount -t tmpfs none $root/var/crash\n");
  start();
  EXPECT_EQ(calls_until(started_ + refreshed_), started_ + refreshed_);
  EXPECT_EQ(::umount((fake_.root() + "/var/crash").c_str()), 0);
}

TEST_F(WatcherTest, LeavesTheHostAloneAfterStop) {
  start_and_wait_for_calls(started_);
  // kdumpctl stop, by hand
  fake_.write("/sys/kernel/kexec_crash_loaded", "0\n");
  arms_as(Armed::no, "Not armed: stopped", "stop");
  std::filesystem::rename(fake_.root() + "/says", fake_.host.paths.arming_state());
  EXPECT_EQ(says(), "STATUS=Not armed: stopped");
  fake_.write("/etc/kdump.conf", "path /srv\n");
  EXPECT_EQ(says(), "STATUS=Not armed: stopped");
  EXPECT_EQ(fake_.read("/calls"), started_);
  arms_as(Armed::yes, "Armed again");
  signal(SIGHUP);
  EXPECT_THAT(says(), StartsWith("RELOADING=1\n"));
  EXPECT_EQ(says(), "READY=1\nSTATUS=Armed again");
}

TEST_F(WatcherTest, SaysWhenTheImageWasUnloadedByAnotherProgram) {
  start_and_wait_for_calls(started_);
  fake_.write("/loads", "0\n");
  fake_.write("/etc/kdump.conf", "path /srv\n");
  EXPECT_THAT(says(), StartsWith("STATUS=Not armed: the capture image was unloaded behind"));
}

TEST_F(WatcherTest, OutlivesAKdumpctlThatCrashes) {
  start_and_wait_for_calls(started_);
  fake_.write("/trouble", "test $1 = _refresh && rm $root/trouble && kill -9 $$\n");
  fake_.write("/etc/kdump.conf", "path /srv\n");
  EXPECT_EQ(says(), "STATUS=Armed for test; kdumpctl _refresh was killed by signal 9");
  // And tries again by itself
  EXPECT_EQ(says(), "STATUS=Armed for test");
  EXPECT_EQ(fake_.read("/calls"), started_ + refreshed_ + "kdumpd: _watch\nkdumpd: _refresh\n");
}

TEST_F(WatcherTest, OutlivesAKdumpctlThatHangs) {
  options_.job_limit = 1s;
  start_and_wait_for_calls(started_);
  fake_.write("/trouble", "test $1 = _refresh && rm $root/trouble && sleep 1000\n");
  fake_.write("/etc/kdump.conf", "path /srv\n");
  EXPECT_EQ(says(),
            "STATUS=Armed for test; kdumpctl _refresh did not end within 1 s and was killed");
  EXPECT_EQ(says(), "STATUS=Armed for test");
}

TEST_F(WatcherTest, TriesAgainWhenTheFirstKdumpctlCrashes) {
  fake_.write("/trouble", "test $1 = start && rm $root/trouble && kill -9 $$\n");
  start();
  EXPECT_EQ(says(), "READY=1\nSTATUS=Armed for test");
  EXPECT_THAT(fake_.read("/calls"), StartsWith("kdumpd: start\nkdumpd: start\n"));
}

TEST_F(WatcherTest, GivesUpWhenEveryKdumpctlCrashes) {
  fake_.write("/trouble", "kill -9 $$\n");
  start();
  EXPECT_EQ(says(), "STATUS=Not armed; kdumpctl start was killed by signal 9");
  EXPECT_EQ(ends(), 1);
}

TEST_F(WatcherTest, ProvesTargets) {
  options_.first_proof = 1s;
  fake_.write("/list", "prove-every 86400\n");
  start_and_wait_for_calls(started_);
  EXPECT_THAT(says(), HasSubstr("; a target does not take dumps now"));
  EXPECT_EQ(fake_.read("/calls"), started_ + "kdumpd: _prove\n");
}

TEST_F(WatcherTest, NoticesThatTheReservationChanged) {
  start_and_wait_for_calls(started_);
  fake_.write("/sys/kernel/kexec_crash_size", "1048576\n");
  // sysfs does not tell; whatever else happens lets it look.
  fake_.write("/run/kdump/arming.json", "x");
  EXPECT_EQ(calls_until(started_ + refreshed_), started_ + refreshed_);
}

}  // namespace
}  // namespace kdump
