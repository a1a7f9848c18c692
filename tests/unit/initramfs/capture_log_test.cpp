#include "initramfs/capture/capture_log.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

TEST(ConsoleLevel, AsTheCommandLineSays) {
  EXPECT_EQ(console_level(""), 3);
  EXPECT_EQ(console_level("quiet root=/dev/vda\n"), 3);
  EXPECT_EQ(console_level("a rd.kdumploglvl=0 b\n"), 0);
  EXPECT_EQ(console_level("rd.kdumploglvl=4\n"), 4);
  EXPECT_EQ(console_level("rd.kdumploglvl=1 rd.kdumploglvl=2"), 2);
  EXPECT_EQ(console_level("rd.kdumploglvl=5 rd.kdumploglvl= rd.kdumploglvl=12 rd.kdumploglvl=x"),
            3);
  EXPECT_EQ(console_level("xrd.kdumploglvl=1"), 3);
}

}  // namespace
}  // namespace kdump
