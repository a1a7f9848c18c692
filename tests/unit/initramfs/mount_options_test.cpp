#include "initramfs/plan/mount_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace kdump {
namespace {

TEST(MountOptions, FlagsAndDataAreToldApart) {
  const auto options = parse_mount_options("rw,noatime,errors=remount-ro,,nosuid,stripe=4");
  EXPECT_EQ(options.flags, static_cast<unsigned long>(MS_NOATIME | MS_NOSUID));
  EXPECT_EQ(options.data, "errors=remount-ro,stripe=4");
  EXPECT_EQ(parse_mount_options("").data, "");
  EXPECT_EQ(parse_mount_options("defaults").flags, 0U);
}

TEST(MountOptions, TheLastOneWins) {
  EXPECT_EQ(parse_mount_options("ro,rw").flags, 0U);
  EXPECT_EQ(parse_mount_options("rw,ro").flags, static_cast<unsigned long>(MS_RDONLY));
}

TEST(MountOptions, CommasInQuotesStay) {
  EXPECT_EQ(split_mount_options("a=\"b,c\",d"), (std::vector<std::string>{"a=\"b,c\"", "d"}));
  EXPECT_EQ(split_mount_options("a=\"b,c"), (std::vector<std::string>{"a=\"b,c"}));
}

TEST(MountOptions, CapturesWriteAndNeedNoPolicy) {
  EXPECT_EQ(options_for_capture("ro,seclabel,errors=remount-ro"), "rw,errors=remount-ro");
  EXPECT_EQ(options_for_capture("defaults,nofail,x-systemd.automount,noauto"), "rw");
  EXPECT_EQ(options_for_capture("rw,context=\"a:b:c0,c1\",inode64,usrquota"), "rw,inode64");
  EXPECT_EQ(options_for_capture("rw,subvolid=256,subvol=/@"), "rw,subvol=/@");
}

TEST(MountOptions, ValuesAreFoundByTheirWholeName) {
  EXPECT_EQ(mount_option_value("rw,subvolid=5,subvol=/@", "subvol"), "/@");
  EXPECT_EQ(mount_option_value("rw,subvol", "subvol"), std::nullopt);
}

}  // namespace
}  // namespace kdump
