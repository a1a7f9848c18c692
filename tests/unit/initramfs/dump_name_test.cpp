#include "initramfs/plan/dump_name.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

constexpr time_t kCrash = 1'795'210'055;  // 2026-11-20 21:27:35 UTC

std::string name_of(const std::string& pattern, bool colons = true,
                    const std::string& hostname = "db1.example.org") {
  return dump_directory_name({pattern, "127.0.0.1", hostname, colons}, kCrash);
}

TEST(DumpName, AsRhelHasIt) {
  EXPECT_EQ(name_of("{ip}-{time}"), "127.0.0.1-2026-11-20-21:27:35");
}

TEST(DumpName, FatTakesNoColons) {
  EXPECT_EQ(name_of("{ip}-{time}", false), "127.0.0.1-2026-11-20-21-27-35");
  EXPECT_EQ(name_of("a:{time}", false), "a_2026-11-20-21-27-35");
}

TEST(DumpName, WordsStandWhereTheyAreAskedFor) {
  EXPECT_EQ(name_of("{hostname}_{time}"), "db1.example.org_2026-11-20-21:27:35");
  EXPECT_EQ(name_of("{time}{time}"), "2026-11-20-21:27:352026-11-20-21:27:35");
  EXPECT_EQ(name_of("{host}{time"), "_host__time");
}

TEST(DumpName, IsOneHarmlessName) {
  const std::string hostile = "../../etc\n$(reboot)";
  EXPECT_EQ(name_of("{hostname}", true, hostile), "_.._.._etc___reboot_");
  EXPECT_EQ(name_of("{hostname}", true, "{time}"), "_time_");
  EXPECT_EQ(name_of("", true), "_");
  EXPECT_EQ(name_of("..", true), "_..");
  EXPECT_EQ(name_of("-rf {time}", true), "_-rf_2026-11-20-21:27:35");
  EXPECT_EQ(name_of("{hostname}", true, std::string(1000, 'h')).size(), 200U);
}

TEST(DumpName, TestsHaveTheirOwn) {
  EXPECT_EQ(test_directory_name("ro quiet kdump_test_id=1795210055-123456789\n"),
            "kdump-test-1795210055-123456789");
  EXPECT_EQ(test_directory_name("kdump_test_id=7"), "kdump-test-7");
  for (const char* line : {"", "ro quiet", "kdump_test_id=", "kdump_test_id= 7",
                           "kdump_test_id=../..", "my_kdump_test_id=7", "kdump_test_id=7a",
                           "kdump_test_id=11111111111111111111111111111111111111111"})
    EXPECT_EQ(test_directory_name(line), std::nullopt) << line;
  EXPECT_EQ(test_directory_name("kdump_test_id=x kdump_test_id=8"), "kdump-test-8");
}

}  // namespace
}  // namespace kdump
