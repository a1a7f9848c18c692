#include "initramfs/capture/pstore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(LastLines, WholeOnesFromTheEnd) {
  EXPECT_THAT(last_lines("one\ntwo\nthree\n", 100), ElementsAre("one", "two", "three"));
  EXPECT_THAT(last_lines("one\ntwo\nthree\n", 10), ElementsAre("two", "three"));
  EXPECT_THAT(last_lines("one\ntwo\nthree\n", 9), ElementsAre("three"));
  EXPECT_THAT(last_lines("one\ntwo\nthree", 6), ElementsAre("three"));
  EXPECT_THAT(last_lines("one\ntwo\nthree\n", 5), IsEmpty());
}

TEST(LastLines, NothingOfNothing) {
  EXPECT_THAT(last_lines("", 100), IsEmpty());
  EXPECT_THAT(last_lines("\n\n\n", 100), IsEmpty());
}

// A log that came from a damaged vmcore may have anything in it.
TEST(LastLines, EachIsARecordThatTheKernelTakes) {
  const std::string with_nul("a\0b\n", 4);
  EXPECT_THAT(last_lines(with_nul, 100), ElementsAre("ab"));
  const auto cut = last_lines(std::string(5000, 'x') + "\nend\n", 2000);
  ASSERT_THAT(cut, SizeIs(2));
  EXPECT_LT(cut[0].size(), 1000U);
  EXPECT_EQ(cut[1], "end");
}

TEST(Ramoops, KeepsRebootsOnlyIfItIsTold) {
  for (const char* crashes : {"-1\n", "1\n", "2\n", "3\n"})
    EXPECT_FALSE(keeps_reboots(crashes)) << crashes;
  for (const char* all : {"0\n", "4\n", "5\n", ""})
    EXPECT_TRUE(keeps_reboots(all)) << all;
}

}  // namespace
}  // namespace kdump
