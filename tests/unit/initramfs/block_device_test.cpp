#include "initramfs/plan/block_device.h"

#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

TEST(BlockDevice, TagsMatchWholeValues) {
  BlockIdentity identity;
  identity.uuid = "6b64";
  identity.label = "my disk";
  identity.part_uuid = "0001";
  EXPECT_TRUE(matches(identity, "UUID=6b64"));
  EXPECT_TRUE(matches(identity, "UUID=\"6b64\""));
  EXPECT_TRUE(matches(identity, "LABEL=my disk"));
  EXPECT_TRUE(matches(identity, "PARTUUID=0001"));
  for (const char* other : {"UUID=6b6", "UUID=", "UUID=\"\"", "PARTLABEL=", "LABEL=6b64", "6b64",
                            "/dev/vda", "uuid=6b64", "FOO=6b64"})
    EXPECT_FALSE(matches(identity, other)) << other;
}

TEST(BlockDevice, NamesOfSysfsBecomePaths) {
  EXPECT_EQ(device_path("vda1"), "/dev/vda1");
  EXPECT_EQ(device_path("cciss!c0d0p1"), "/dev/cciss/c0d0p1");
}

TEST(BlockDevice, ProbingTellsTypeUuidAndLabel) {
  if (!have_tool("mkfs.ext4")) GTEST_SKIP() << "needs mkfs.ext4 (e2fsprogs)";
  const TempDir dir;
  const std::string image = dir.path("image");
  ASSERT_TRUE(run_tool("truncate -s 8M " + image + " && mkfs.ext4 -q -F -L crash -U " +
                       "6b64756d-7064-4000-8000-00000000000a " + image));
  const auto identity = probe_block_device(image);
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->type, "ext4");
  EXPECT_EQ(identity->uuid, "6b64756d-7064-4000-8000-00000000000a");
  EXPECT_EQ(identity->label, "crash");
}

TEST(BlockDevice, NothingOnItIsNoError) {
  const TempDir dir;
  const auto identity = probe_block_device(dir.write("empty", std::string(1 << 20, '\0')));
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->type, "");
}

TEST(BlockDevice, SearchingSaysWhatIsThere) {
  BlockDeviceSearch search("UUID=no-such-uuid");
  const auto found = search.find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Errc::not_found);
  EXPECT_FALSE(search.seen().empty());
  EXPECT_EQ(BlockDeviceSearch("/dev/no-such-device").find().error().code(), Errc::not_found);
  EXPECT_EQ(BlockDeviceSearch("/dev/null").find().error().code(), Errc::not_found)
      << "a character device";
}

TEST(BlockDevice, DisksAreKnownByWhatTheirHardwareSays) {
  const TempDir sysfs;
  sysfs.write("class/block/nvme0n1/wwid", "eui.0025388b710116a1\n");
  sysfs.write("class/block/sda/device/wwid", "t10.ATA     QEMU HARDDISK     QM00001 \n");
  sysfs.write("class/block/vda/serial", "disk0");
  sysfs.write("class/block/mmcblk0/device/serial", "0x1234\n");
  sysfs.write("class/block/vdb/serial", "\n");
  sysfs.write("class/block/sda1/partition", "1\n");
  sysfs.write("class/block/sda1/device/wwid", "naa.1\n");
  EXPECT_EQ(hardware_name("nvme0n1", sysfs.path()), "WWID=eui.0025388b710116a1");
  EXPECT_EQ(hardware_name("sda", sysfs.path()), "WWID=t10.ATA_QEMU_HARDDISK_QM00001");
  EXPECT_EQ(hardware_name("vda", sysfs.path()), "SERIAL=disk0");
  EXPECT_EQ(hardware_name("mmcblk0", sysfs.path()), "SERIAL=0x1234");
  EXPECT_EQ(hardware_name("vdb", sysfs.path()), "");
  EXPECT_EQ(hardware_name("sda1", sysfs.path()), "") << "that of the whole disk would be found";
  EXPECT_EQ(hardware_name("nothing", sysfs.path()), "");
}

TEST(BlockDevice, TheStableNameIsTheBestThereIs) {
  BlockIdentity identity;
  EXPECT_EQ(stable_spec(identity, "no-such-device", "/dev/x"), "/dev/x");
  identity.part_uuid = "0001";
  EXPECT_EQ(stable_spec(identity, "no-such-device", "/dev/x"), "PARTUUID=0001");
  identity.uuid = "6b64";
  EXPECT_EQ(stable_spec(identity, "no-such-device", "/dev/x"), "UUID=6b64");
}

}  // namespace
}  // namespace kdump
