#include "initramfs/image/block_stack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/initramfs/block_sysfs.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kPci[] = "pci0000:00/0000:00:05.0/virtio2/block/";

std::vector<std::string> kinds(const BlockStack& stack) {
  std::vector<std::string> words;
  for (const BlockLayer& layer : stack.layers)
    words.emplace_back(name_of(layer.kind));
  return words;
}

TEST(BlockStack, AnEncryptedVolumeOnLvmOnAMirror) {
  BlockSysfs sysfs;
  sysfs.block("vda1", std::string(kPci) + "vda/vda1");
  sysfs.write("vda1", "partition", "1");
  sysfs.block("vdb", "pci0000:00/0000:00:06.0/virtio3/block/vdb");
  sysfs.block("md127", "virtual/block/md127");
  sysfs.write("md127", "md/level", "raid1");
  sysfs.stand("md127", {"vda1", "vdb"});
  sysfs.mapped("dm-0", "LVM-abc", "vg-crash", {"md127"});
  sysfs.mapped("dm-1", "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-luks-x", "luks-x", {"dm-0"});

  const auto stack = block_stack("dm-1", sysfs.root());
  ASSERT_TRUE(stack) << stack.error().message();
  EXPECT_THAT(kinds(*stack), ElementsAre("LUKS", "LVM", "md RAID"));
  EXPECT_EQ(stack->layers[0].uuid, "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(stack->layers[1].mapper, "vg-crash");
  EXPECT_THAT(stack->disks, testing::UnorderedElementsAre("vda1", "vdb"));
  EXPECT_EQ(assembled_path("dm-1", sysfs.root()), "/dev/mapper/luks-x");
  EXPECT_EQ(assembled_path("dm-0", sysfs.root()), "/dev/mapper/vg-crash");
  TempDir by_id;
  by_id.link("md-name-host:crash", "../../md127");
  by_id.link("md-uuid-1:2:3:4", "../../md127");
  by_id.link("md-uuid-0:0:0:0", "../../md126");
  EXPECT_EQ(assembled_path("md127", sysfs.root(), by_id.path()), by_id.path("md-uuid-1:2:3:4"));
}

TEST(BlockStack, APartitionOfAMirror) {
  BlockSysfs sysfs;
  sysfs.block("vdb", std::string(kPci) + "vdb");
  sysfs.block("md0", "virtual/block/md0");
  sysfs.write("md0", "md/level", "raid1");
  sysfs.stand("md0", {"vdb"});
  sysfs.block("md0p1", "virtual/block/md0/md0p1");
  sysfs.write("md0p1", "partition", "1");
  const auto stack = block_stack("md0p1", sysfs.root());
  ASSERT_TRUE(stack) << stack.error().message();
  EXPECT_THAT(kinds(*stack), ElementsAre("md RAID"));
  EXPECT_EQ(assembled_path("md0p1", sysfs.root(), "/nowhere"), "/dev/md0p1");
}

TEST(BlockStack, ThinVolumesAndMultipathAreToldApart) {
  BlockSysfs sysfs;
  sysfs.block("sda", "pci0000:00/host0/target0:0:0/0:0:0:0/block/sda");
  sysfs.block("sdb", "pci0000:00/host1/target1:0:0/1:0:0:0/block/sdb");
  sysfs.mapped("dm-0", "mpath-3600", "mpatha", {"sda", "sdb"});
  sysfs.mapped("dm-1", "part1-mpath-3600", "mpatha-part1", {"dm-0"});
  sysfs.mapped("dm-2", "LVM-x-tdata", "vg-pool_tdata", {"dm-1"});
  sysfs.mapped("dm-3", "LVM-x-tpool", "vg-pool-tpool", {"dm-2"});
  sysfs.mapped("dm-4", "LVM-y", "vg-dump", {"dm-3"});
  const auto stack = block_stack("dm-4", sysfs.root());
  ASSERT_TRUE(stack) << stack.error().message();
  EXPECT_THAT(kinds(*stack), ElementsAre("thin LVM", "LVM", "LVM", "multipath", "multipath"));
  EXPECT_THAT(stack->disks, testing::UnorderedElementsAre("sda", "sdb"));
}

TEST(BlockStack, APlainPartitionIsItsOwnStack) {
  BlockSysfs sysfs;
  sysfs.block("nvme0n1", "pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1");
  sysfs.write_at("pci0000:00/0000:00:04.0/nvme/nvme0/transport", "pcie");
  const auto stack = block_stack("nvme0n1", sysfs.root());
  ASSERT_TRUE(stack) << stack.error().message();
  EXPECT_TRUE(stack->is_plain());
  EXPECT_THAT(stack->disks, ElementsAre("nvme0n1"));
  EXPECT_EQ(assembled_path("nvme0n1", sysfs.root()), "");
}

TEST(BlockStack, WhatNoCaptureKernelCanHaveAgainIsRefused) {
  BlockSysfs sysfs;
  sysfs.block("loop0", "virtual/block/loop0");
  sysfs.block("zram0", "virtual/block/zram0");
  // Below something that could be had, too.
  sysfs.mapped("dm-0", "LVM-abc", "vg-crash", {"loop0"});
  struct Case {
    const char* name;
    const char* word;
  };
  for (const Case& c : {Case{"loop0", "loop device"}, Case{"zram0", "virtual"},
                        Case{"dm-0", "/dev/loop0 is a loop"}}) {
    const auto stack = block_stack(c.name, sysfs.root());
    ASSERT_FALSE(stack) << c.name;
    EXPECT_EQ(stack.error().code(), Errc::unsupported);
    EXPECT_THAT(stack.error().message(), HasSubstr(c.word));
    EXPECT_THAT(stack.error().message(), HasSubstr("kdump.conf"));
  }
}

}  // namespace
}  // namespace kdump
