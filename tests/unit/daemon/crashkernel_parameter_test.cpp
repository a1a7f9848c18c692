#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/crashkernel/parameter.h"

namespace kdump {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

struct Row {
  const char* value;
  uint64_t ram;
  uint64_t reserved;
};

TEST(Crashkernel, reserves_what_the_kernel_would) {
  const std::vector<Row> rows = {
      {"256M", 8 * kGiB, 256 * kMiB},
      {"256m", 8 * kGiB, 256 * kMiB},
      {"0x10000000", 8 * kGiB, 256 * kMiB},
      {"01000", 8 * kGiB, 512},  // octal, as for the kernel
      {"1G@16M", 8 * kGiB, kGiB},
      {"512M,high", 8 * kGiB, 512 * kMiB},
      {"64M,low", 8 * kGiB, 64 * kMiB},
      {"0,low", 8 * kGiB, 0},
      {"128M,cma", 8 * kGiB, 128 * kMiB},
      {"2G-64G:256M,64G-:512M", kGiB, 0},
      {"2G-64G:256M,64G-:512M", 2 * kGiB, 256 * kMiB},
      {"2G-64G:256M,64G-:512M", 64 * kGiB - 129 * kMiB, 256 * kMiB},
      {"2G-64G:256M,64G-:512M", 64 * kGiB, 512 * kMiB},
      {"2G-64G:256M,64G-:512M", 1024 * kGiB, 512 * kMiB},
      // A machine sold with 2 GiB has a little less: rounded up to 128 MiB.
      {"2G-64G:256M,64G-:512M", 2 * kGiB - 100 * kMiB, 256 * kMiB},
      {"2G-64G:256M,64G-:512M", 2 * kGiB - 128 * kMiB, 0},
      {"512M-:192M", 512 * kMiB, 192 * kMiB},
      {"384M-:128M@32M", 512 * kMiB, 128 * kMiB},
      {"1G-2G:64M,4G-8G:96M", 3 * kGiB, 0},  // in a hole between ranges
  };
  for (const Row& row : rows) {
    const auto value = parse_crashkernel(row.value);
    ASSERT_TRUE(value) << row.value << ": " << value.error().message();
    EXPECT_EQ(reservation(*value, row.ram), row.reserved) << row.value << " of " << row.ram;
  }
}

TEST(Crashkernel, is_written_as_it_was_read) {
  for (const char* text :
       {"256M", "1G", "1088M", "2G-64G:256M,64G-:512M", "512M,high", "0,low", "128M,cma", "auto",
        "384M-:128M@32M", "256M@16M", "4G-16G:768M,64T-:180G"}) {
    const auto value = parse_crashkernel(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(to_string(*value), text);
  }
}

TEST(Crashkernel, nonsense_is_refused_with_its_place) {
  struct Wrong {
    const char* value;
    const char* message;
  };
  const std::vector<Wrong> rows = {
      {"", "crashkernel=: character 1: expected a size, such as 256M"},
      {"M", "crashkernel=M: character 1: expected a size, such as 256M"},
      {"-256M", "character 1: expected a size"},
      {"0", "character 1: nothing would be reserved"},
      {"0,high", "character 1: nothing would be reserved"},
      {"256MB", "crashkernel=256MB: character 5: 'B' does not belong here"},
      {"256M@", "character 6: expected an address"},
      {"256M@16M,high", "character 9: ',high' does not belong here"},
      {"256M,High", "character 6: expected high, low or cma"},
      {"256M,", "character 6: expected high, low or cma"},
      {"256M,128M", "character 6: expected high, low or cma"},
      {"256M,high,low", "character 6: expected high, low or cma"},
      {"1G-4G", "character 3: '-4G' does not belong here"},
      {"1G-4G:", "character 7: expected the size for this range"},
      {"1G:256M", "character 3: expected '-' between begin and end of a range"},
      {"4G-1G:256M", "character 1: this range ends before it begins"},
      {"1G-1G:256M", "character 1: this range ends before it begins"},
      {"1G-4G:8G", "character 7: more than a machine of this range has"},
      {"1G-4G:256M,", "character 12: expected the begin of a range"},
      {"1G-4G:256M,512M", "character 16: expected '-' between begin and end of a range"},
      {"1G-4G:256M,high", "character 12: expected the begin of a range"},
      {"1G-x:256M", "character 4: expected the end of a range"},
      {"1G-4G;256M:1", "character 6: expected ':' and the size for this range"},
      {"99999999999999999999", "character 1: a number that is too large"},
      {"17179869184G", "character 1: a number that is too large"},
      {"Auto", "character 1: expected a size"},
  };
  for (const Wrong& row : rows) {
    const auto value = parse_crashkernel(row.value);
    ASSERT_FALSE(value) << row.value;
    EXPECT_EQ(value.error().code(), Errc::usage);
    EXPECT_THAT(value.error().message(), HasSubstr(row.message)) << row.value;
  }
}

TEST(Crashkernel, a_command_line_as_a_whole) {
  const auto total = [](std::string_view line, uint64_t ram = 16 * kGiB) {
    const auto sum = reservation_of(crashkernel_values(line), ram);
    EXPECT_TRUE(sum) << line;
    return sum ? *sum : Reservation{};
  };
  EXPECT_EQ(total("ro quiet").total(), 0u);
  EXPECT_EQ(total("crashkernel=256M ro crashkernel=128M").total(), 128 * kMiB);  // the last counts
  EXPECT_EQ(total("crashkernel=512M,high crashkernel=64M,low").total(), 576 * kMiB);
  EXPECT_EQ(total("crashkernel=512M,high crashkernel=256M crashkernel=64M,low").total(),
            256 * kMiB);                                // high and low are for nothing
  EXPECT_EQ(total("crashkernel=64M,low").total(), 0u);  // low alone reserves nothing
  EXPECT_EQ(total("crashkernel=128M crashkernel=1G,cma").cma, kGiB);
  EXPECT_EQ(total("crashkernel=auto").total(), 192 * kMiB);
  EXPECT_EQ(total("crashkernel=auto", 2 * kGiB).total(), 160 * kMiB);
  EXPECT_EQ(total("mycrashkernel=1G \"crashkernel=256M\"").total(), 0u);

  const auto wrong = reservation_of({"16G"}, 16 * kGiB);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(),
            "crashkernel=16G: 16.0 GiB of a machine that has 16.0 GiB: the kernel reserves nothing "
            "then");
  EXPECT_FALSE(reservation_of({"256M", "nonsense"}, 16 * kGiB));
}

}  // namespace
}  // namespace kdump
