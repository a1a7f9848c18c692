// The admin's programs around a capture: order, what they are told, and what their end means.
#include "initramfs/capture/hooks.h"

#include <chrono>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::IsEmpty;

class Hooks : public testing::Test {
 protected:
  Hooks() { dir_.write("run/.keep", ""); }

  // `text` is a script for sh; "$log" is a file that all of them write to.
  void put(const std::string& path, const std::string& text, const char* first = "#!/bin/sh\n") {
    dir_.write(path.substr(1), first + ("log=" + dir_.path("log") + "\n") + text + "\n");
    ASSERT_EQ(::chmod(dir_.path(path.substr(1)).c_str(), 0755), 0);
  }
  HookRunner runner() { return {plan_, state_, dir_.path()}; }
  std::string log() { return dir_.content("log"); }

  TempDir dir_;
  CapturePlan plan_;
  WorkerState state_;
  const HookContext context_{.target = "ext4 UUID=1",
                             .directory = "/var/crash/x",
                             .path = "/kdumproot/1/var/crash/x",
                             .state = "incomplete",
                             .error = "disk is full"};
};

TEST_F(Hooks, NoneIsFine) {
  EXPECT_TRUE(runner().before(context_));
  runner().after(context_, 0);
  runner().on_failure(context_);
  EXPECT_THAT(runner().ran(), IsEmpty());
}

TEST_F(Hooks, TheOrderIsThatOfRhel) {
  plan_.hooks = {"/pre", "/post", "/emergency"};
  put("/pre", "echo pre $# >> $log");
  put("/post", "echo post $1 >> $log");
  put("/emergency", "echo emergency $# >> $log");
  for (const char* name : {"pre.d", "post.d", "emergency.d"})
    for (const char* number : {"20", "10", "5"})
      put(std::string("/etc/kdump/") + name + "/" + number,
          std::string("echo ") + name + "/" + number + " $1 >> $log");
  EXPECT_TRUE(runner().before(context_));
  EXPECT_EQ(log(), "pre 0\npre.d/10\npre.d/20\npre.d/5\n");
  std::filesystem::remove(dir_.path("log"));
  runner().after(context_, 1);
  EXPECT_EQ(log(), "post.d/10 1\npost.d/20 1\npost.d/5 1\npost 1\n");
  std::filesystem::remove(dir_.path("log"));
  runner().on_failure(context_);
  EXPECT_EQ(log(), "emergency.d/10\nemergency.d/20\nemergency.d/5\nemergency 0\n");
  // A second call comes from the step that finishes what the first could not.
  runner().on_failure(context_);
  EXPECT_EQ(runner().ran().size(), 12U);
}

TEST_F(Hooks, TheyAreToldWhatHappens) {
  plan_.hooks.post = "/post";
  ::setenv("KDUMP_SECRET", "x", 1);
  put("/post", "env | grep -e ^KDUMP -e ^PATH= | sort >> $log");
  runner().after(context_, 1);
  EXPECT_EQ(log(),
            "KDUMP_DIRECTORY=/var/crash/x\nKDUMP_ERROR=disk is full\nKDUMP_HOOK=kdump_post\n"
            "KDUMP_PATH=/kdumproot/1/var/crash/x\nKDUMP_STATE=incomplete\n"
            "KDUMP_TARGET=ext4 UUID=1\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
}

TEST_F(Hooks, AStatusOfKdumpPreIsAVeto) {
  plan_.hooks.pre = "/pre";
  put("/pre", "echo this node is being decommissioned; exit 3");
  put("/etc/kdump/pre.d/10", "echo not reached >> $log");
  EXPECT_FALSE(runner().before(context_));
  EXPECT_EQ(log(), "");
  const auto ran = runner().ran();
  ASSERT_EQ(ran.size(), 1U);
  EXPECT_EQ(ran[0].hook, "kdump_pre");
  EXPECT_EQ(ran[0].program, "/pre");
  EXPECT_EQ(ran[0].status, 3);
  EXPECT_THAT(ran[0].error, HasSubstr("this node is being decommissioned"));
}

// The dump is worth more than a program that does not work.
TEST_F(Hooks, NothingElseOfKdumpPreIs) {
  plan_.hooks.pre = "/pre";
  EXPECT_TRUE(runner().before(context_)) << "not there";
  put("/pre", "no-such-command");
  EXPECT_TRUE(runner().before(context_)) << "status 127";
  put("/pre", "kill -SEGV $$");
  EXPECT_TRUE(runner().before(context_)) << "killed";
  put("/pre", "exit 0", "#!/no/such/interpreter\n");
  EXPECT_TRUE(runner().before(context_)) << "cannot be started";
  const auto ran = runner().ran();
  ASSERT_EQ(ran.size(), 4U);
  EXPECT_THAT(ran[0].error, HasSubstr("not there"));
  EXPECT_EQ(ran[1].status, 127);
  EXPECT_EQ(ran[2].status, -1);
  EXPECT_THAT(ran[3].error, HasSubstr("could not be started"));
}

TEST_F(Hooks, FailuresInDirectoriesAreNoVeto) {
  put("/etc/kdump/pre.d/10", "exit 1");
  put("/etc/kdump/pre.d/20", "echo second >> $log");
  EXPECT_TRUE(runner().before(context_));
  EXPECT_EQ(log(), "second\n");
  EXPECT_EQ(runner().ran()[0].status, 1);
}

TEST_F(Hooks, OneThatHangsIsGivenUpWithAllThatItStarted) {
  plan_.hooks.pre = "/pre";
  plan_.hook_limit = seconds(2);
  put("/pre", "(sleep 4; echo survived >> $log) & sleep 60; exit 1");
  const auto start = steady_clock::now();
  EXPECT_TRUE(runner().before(context_)) << "what hangs has not said no";
  EXPECT_LT(steady_clock::now() - start, seconds(20));
  EXPECT_THAT(runner().ran().at(0).error, HasSubstr("took longer than 2 s"));
  EXPECT_EQ(runner().ran().at(0).status, -1);
  ::sleep(4);
  EXPECT_EQ(log(), "");
}

TEST_F(Hooks, TextWithoutAFirstLineIsForTheShell) {
  plan_.hooks.pre = "/pre";
  put("/pre", "echo ran >> $log", "");
  EXPECT_TRUE(runner().before(context_));
  EXPECT_EQ(log(), "ran\n");
  EXPECT_EQ(runner().ran().at(0).status, 0);
}

TEST_F(Hooks, TheyGetNoInput) {
  plan_.hooks.pre = "/pre";
  put("/pre", "cat; echo done >> $log");
  EXPECT_TRUE(runner().before(context_));
  EXPECT_EQ(log(), "done\n");
}

}  // namespace
}  // namespace kdump
