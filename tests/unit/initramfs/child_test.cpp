#include "initramfs/child.h"

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
  Result<ChildUsage> sh(const std::string& script) {
    options_.argv = {"/bin/sh", "-c", script};
    options_.output_directory = dir_.path();
    options_.on_line = [this](const std::string& line) { lines_.push_back(line); };
    return run_child(options_);
  }
  std::string error_of(const std::string& script) {
    const auto result = sh(script);
    return result ? "success" : result.error().message();
  }

  TempDir dir_;
  ChildOptions options_;
  std::vector<std::string> lines_;
};

TEST_F(Child, PassesOnWhatItSays) {
  const auto usage = sh("echo one; printf 'two\\rthree\\n' >&2; printf four");
  ASSERT_TRUE(usage) << usage.error().message();
  EXPECT_THAT(lines_, ElementsAre("one", "two", "three", "four"));
  EXPECT_GT(usage->peak_memory_kib, 0U);
}

TEST_F(Child, LosesNothingOfMuch) {
  ASSERT_TRUE(sh("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"));
  ASSERT_EQ(lines_.size(), 20000U);
  EXPECT_EQ(lines_.back(), "line 19999");
}

TEST_F(Child, FailureIsItsLastWordsAndStatus) {
  EXPECT_EQ(error_of("echo first; echo disk is full; exit 3"),
            "disk is full (/bin/sh failed with status 3)");
  EXPECT_EQ(error_of("exit 1"), "/bin/sh failed with status 1");
}

TEST_F(Child, SignalsAreNamed) {
  EXPECT_THAT(error_of("kill -SEGV $$"), HasSubstr("killed by signal 11"));
  EXPECT_THAT(error_of("kill -KILL $$"), HasSubstr("crashkernel="));
}

TEST_F(Child, AMissingProgramIsAnError) {
  options_.argv = {"/no/such/program"};
  options_.output_directory = dir_.path();
  EXPECT_EQ(run_child(options_).error().message(), "/no/such/program could not be started");
}

TEST_F(Child, OneThatSleepsIsGivenUp) {
  options_.stall_limit = seconds(2);
  const auto start = steady_clock::now();
  EXPECT_THAT(error_of("echo waiting; exec sleep 60"), HasSubstr("did nothing for 2 s"));
  EXPECT_LT(steady_clock::now() - start, seconds(20));
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

TEST_F(Child, OutputKeptOpenByOthersDoesNotHoldItUp) {
  const auto start = steady_clock::now();
  EXPECT_EQ(error_of("sleep 20 & exit 0"), "success");
  EXPECT_LT(steady_clock::now() - start, seconds(10));
}

}  // namespace
}  // namespace kdump
