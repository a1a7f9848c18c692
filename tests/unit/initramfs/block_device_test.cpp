#include "initramfs/block_device.h"

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

}  // namespace
}  // namespace kdump
