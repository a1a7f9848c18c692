#include "initramfs/capture/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;

class Child : public testing::Test {
 protected:
  ChildEnd sh(const std::string& script) {
    options_.argv = {"/bin/sh", "-c", script};
    options_.bytes_moved = [this] { return bytes_in(dir_.path()); };
    options_.on_line = [this](const std::string& line) { lines_.push_back(line); };
    return run_child(options_);
  }
  std::string error_of(const std::string& script) {
    const ChildEnd end = sh(script);
    return end.ok() ? "success" : end.error;
  }

  TempDir dir_;
  ChildOptions options_;
  std::vector<std::string> lines_;
};

TEST_F(Child, PassesOnWhatItSays) {
  const ChildEnd end = sh("echo one; printf 'two\\rthree\\n' >&2; printf four");
  ASSERT_TRUE(end.ok()) << end.error;
  EXPECT_THAT(lines_, ElementsAre("one", "two", "three", "four"));
  EXPECT_GT(end.peak_memory_kib, 0U);
}

TEST_F(Child, LosesNothingOfMuch) {
  ASSERT_TRUE(sh("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done").ok());
  ASSERT_EQ(lines_.size(), 20000U);
  EXPECT_EQ(lines_.back(), "line 19999");
}

TEST_F(Child, ItsOutputIsTakenApartFromItsWords) {
  std::string taken;
  options_.on_output = [&](Bytes bytes) -> Result<void> {
    taken.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
  const ChildEnd end = sh("head -c 300000 /dev/zero | tr '\\0' x; echo progress >&2; printf end");
  ASSERT_TRUE(end.ok()) << end.error;
  EXPECT_EQ(taken, std::string(300000, 'x') + "end");
  EXPECT_THAT(lines_, ElementsAre("progress"));
}

TEST_F(Child, OutputThatNobodyTakesEndsIt) {
  options_.on_output = [](Bytes) -> Result<void> { return Error(Errc::io, "server gone"); };
  const auto start = steady_clock::now();
  const ChildEnd end = sh("echo x; sleep 60");
  EXPECT_TRUE(end.refused);
  EXPECT_EQ(end.error, "server gone");
  EXPECT_LT(steady_clock::now() - start, seconds(20));
}

TEST_F(Child, FailureIsItsLastWordsAndStatus) {
  EXPECT_EQ(error_of("echo first; echo disk is full; exit 3"),
            "disk is full (/bin/sh failed with status 3)");
  EXPECT_EQ(error_of("exit 1"), "/bin/sh failed with status 1");
  EXPECT_EQ(error_of("echo disk is full; echo ' 31 % of 100 pages, 7.1 MiB'; exit 3"),
            "disk is full (/bin/sh failed with status 3)");
}

TEST_F(Child, SignalsAreNamed) {
  EXPECT_THAT(error_of("kill -SEGV $$"), HasSubstr("killed by signal 11"));
  EXPECT_THAT(error_of("kill -KILL $$"), HasSubstr("crashkernel="));
}

TEST_F(Child, AMissingProgramIsAnError) {
  options_.argv = {"/no/such/program"};
  const ChildEnd end = run_child(options_);
  EXPECT_EQ(end.error, "/no/such/program could not be started");
  EXPECT_EQ(end.status, 127);
}

TEST_F(Child, OneThatSleepsIsGivenUp) {
  options_.stall_limit = seconds(2);
  const auto start = steady_clock::now();
  EXPECT_THAT(error_of("echo waiting; exec sleep 60"), HasSubstr("did nothing for 2 s"));
  EXPECT_LT(steady_clock::now() - start, seconds(20));
}

TEST_F(Child, OneThatOnlyWakesUpIsGivenUp) {
  options_.stall_limit = seconds(4);
  EXPECT_THAT(error_of("while :; do sleep 0.2; done"), HasSubstr("did nothing for 4 s"));
}

TEST_F(Child, OneThatOnlyComputesIsGivenUpLater) {
  options_.stall_limit = seconds(60);
  options_.silent_limit = seconds(2);
  EXPECT_THAT(error_of("while :; do :; done"), HasSubstr("wrote nothing for 2 s"));
}

TEST_F(Child, OneThatWritesIsNot) {
  options_.stall_limit = seconds(2);
  options_.silent_limit = seconds(2);
  EXPECT_EQ(error_of("i=0; while [ $i -lt 8 ]; do echo x >> " + dir_.path("out") +
                     "; sleep 0.5; i=$((i+1)); done"),
            "success");
}

TEST_F(Child, ATimeLimitEndsOneThatIsBusy) {
  options_.time_limit = seconds(2);
  EXPECT_THAT(error_of("while :; do echo x >> " + dir_.path("out") + "; done"),
              HasSubstr("took longer than 2 s"));
}

TEST_F(Child, OneApartEndsWithAllThatItStarted) {
  options_.apart = true;
  options_.time_limit = seconds(1);
  EXPECT_THAT(error_of("(sleep 3; echo x > " + dir_.path("out") + ") & sleep 60"),
              HasSubstr("took longer than 1 s"));
  ::sleep(3);
  EXPECT_EQ(dir_.content("out"), "");
}

TEST_F(Child, ItsEnvironmentIsTheOneGiven) {
  options_.environment = {"A=1", "B=two words"};
  ASSERT_TRUE(sh("echo $A; echo $B; echo ${HOME-none}").ok());
  EXPECT_THAT(lines_, ElementsAre("1", "two words", "none"));
}

TEST_F(Child, OutputKeptOpenByOthersDoesNotHoldItUp) {
  const auto start = steady_clock::now();
  EXPECT_EQ(error_of("sleep 20 & exit 0"), "success");
  EXPECT_LT(steady_clock::now() - start, seconds(10));
}

}  // namespace
}  // namespace kdump
