#include "initramfs/image/device_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Just enough of sysfs: device directories, their drivers, the drivers' modules.
class Sysfs {
 public:
  void device(const std::string& path, const std::string& driver = "",
              const std::string& module = "", const std::string& modalias = "") {
    std::filesystem::create_directories(dir_.path("devices/" + path));
    if (!modalias.empty()) dir_.write("devices/" + path + "/modalias", modalias + "\n");
    if (driver.empty()) return;
    std::filesystem::create_directories(dir_.path("drivers/" + driver));
    dir_.link("devices/" + path + "/driver", dir_.path("drivers/" + driver));
    if (module.empty()) return;
    std::filesystem::create_directories(dir_.path("module/" + module));
    if (!std::filesystem::exists(dir_.path("drivers/" + driver + "/module")))
      dir_.link("drivers/" + driver + "/module", dir_.path("module/" + module));
  }
  void block(const std::string& name, const std::string& path) {
    device(path);
    dir_.link("class/block/" + name, dir_.path("devices/" + path));
  }
  void link(const std::string& from, const std::string& to) {
    dir_.link("devices/" + from, dir_.path("devices/" + to));
  }
  void write(const std::string& path, const std::string& text) {
    dir_.write("devices/" + path, text);
  }
  [[nodiscard]] std::string root() const { return dir_.path(); }

 private:
  TempDir dir_;
};

TEST(DeviceDrivers, FromTheRootToThePartition) {
  Sysfs sysfs;
  sysfs.device("pci0000:00");
  sysfs.device("pci0000:00/0000:00:05.0", "virtio-pci", "virtio_pci", "pci:v00001AF4");
  sysfs.device("pci0000:00/0000:00:05.0/virtio2", "virtio_blk", "virtio_blk", "virtio:d2v1AF4");
  sysfs.block("vda", "pci0000:00/0000:00:05.0/virtio2/block/vda");
  sysfs.block("vda1", "pci0000:00/0000:00:05.0/virtio2/block/vda/vda1");
  for (const char* name : {"vda", "vda1"}) {
    const auto drivers = find_device_drivers(name, sysfs.root());
    ASSERT_TRUE(drivers);
    EXPECT_THAT(drivers->modules, ElementsAre("virtio_pci", "virtio_blk"));
    EXPECT_THAT(drivers->aliases, IsEmpty());
  }
}

TEST(DeviceDrivers, BuiltInDriversGiveTheirAlias) {
  Sysfs sysfs;
  sysfs.device("pci0000:00/0000:00:1f.2", "ahci", "", "pci:v00008086");
  sysfs.device("pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0", "sd", "sd_mod",
               "scsi:t-0x00");
  sysfs.block("sda", "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda");
  const auto drivers = find_device_drivers("sda", sysfs.root());
  ASSERT_TRUE(drivers);
  EXPECT_THAT(drivers->modules, ElementsAre("sd_mod"));
  EXPECT_THAT(drivers->aliases, ElementsAre("pci:v00008086"));
}

TEST(DeviceDrivers, WhatNobodyDrivesIsNotNeeded) {
  Sysfs sysfs;
  sysfs.device("pci0000:00/0000:00:1c.0", "", "", "pci:bridge");
  sysfs.device("pci0000:00/0000:00:1c.0/0000:01:00.0", "nvme", "nvme");
  sysfs.block("nvme0n1", "pci0000:00/0000:00:1c.0/0000:01:00.0/nvme/nvme0/nvme0n1");
  const auto drivers = find_device_drivers("nvme0n1", sysfs.root());
  ASSERT_TRUE(drivers);
  EXPECT_THAT(drivers->modules, ElementsAre("nvme"));
  EXPECT_THAT(drivers->aliases, IsEmpty());
}

TEST(DeviceDrivers, NvmeMultipathLeadsToItsControllers) {
  Sysfs sysfs;
  sysfs.device("pci0000:00/0000:01:00.0", "nvme", "nvme");
  sysfs.device("pci0000:00/0000:01:00.0/nvme/nvme0");
  sysfs.block("nvme0n1", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
  sysfs.link("virtual/nvme-subsystem/nvme-subsys0/nvme0", "pci0000:00/0000:01:00.0/nvme/nvme0");
  const auto drivers = find_device_drivers("nvme0n1", sysfs.root());
  ASSERT_TRUE(drivers);
  EXPECT_THAT(drivers->modules, ElementsAre("nvme"));
  EXPECT_TRUE(check_plain_device("nvme0n1", sysfs.root()));
}

TEST(DeviceDrivers, SuppliersAreNeededToo) {
  Sysfs sysfs;
  sysfs.device("platform/clock", "clk-board", "clk_board");
  sysfs.device("platform/mmc", "sdhci-board", "sdhci_board");
  sysfs.device("virtual/devlink/platform:clock--platform:mmc");
  sysfs.link("platform/mmc/supplier:platform:clock",
             "virtual/devlink/platform:clock--platform:mmc");
  sysfs.link("virtual/devlink/platform:clock--platform:mmc/supplier", "platform/clock");
  sysfs.block("mmcblk0", "platform/mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0");
  const auto drivers = find_device_drivers("mmcblk0", sysfs.root());
  ASSERT_TRUE(drivers);
  EXPECT_THAT(drivers->modules, ElementsAre("clk_board", "sdhci_board"));
}

TEST(DeviceDrivers, AMissingDeviceIsNamed) {
  const Sysfs sysfs;
  const auto drivers = find_device_drivers("sdz", sysfs.root());
  ASSERT_FALSE(drivers);
  EXPECT_EQ(drivers.error().code(), Errc::not_found);
  EXPECT_THAT(drivers.error().message(), HasSubstr("sdz"));
}

TEST(PlainDevice, WhatUserspaceAssemblesIsRefused) {
  Sysfs sysfs;
  struct Case {
    const char* name;
    const char* uuid;
    const char* word;
  };
  for (const Case& c :
       {Case{"dm-0", "LVM-abc", "LVM"}, Case{"dm-1", "CRYPT-LUKS2-abc", "LUKS"},
        Case{"dm-2", "mpath-3600", "multipath"}, Case{"dm-3", "part1-mpath-3", "multipath"},
        Case{"dm-4", "", "device-mapper"}, Case{"md127", "", "RAID"}, Case{"loop0", "", "loop"},
        Case{"nbd0", "", "virtual"}}) {
    const std::string path = std::string("virtual/block/") + c.name;
    sysfs.block(c.name, path);
    if (*c.uuid) sysfs.write(path + "/dm/uuid", std::string(c.uuid) + "\n");
    const auto checked = check_plain_device(c.name, sysfs.root());
    ASSERT_FALSE(checked) << c.name;
    EXPECT_EQ(checked.error().code(), Errc::unsupported);
    EXPECT_THAT(checked.error().message(), HasSubstr(c.word));
    EXPECT_THAT(checked.error().message(), HasSubstr("kdump.conf"));
  }
}

}  // namespace
}  // namespace kdump
