#include "initramfs/image/network_disks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/initramfs/block_sysfs.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSession[] = "platform/host2/session1/";

// As scsi_transport_iscsi shows a session of the kernel's initiator.
void add_session(BlockSysfs& sysfs, const std::string& driver = "iscsi_tcp") {
  sysfs.block("sda", std::string(kSession) + "target2:0:0/2:0:0:1/block/sda");
  sysfs.block("sda1", std::string(kSession) + "target2:0:0/2:0:0:1/block/sda/sda1");
  sysfs.write("sda1", "partition", "1");
  sysfs.write_at("platform/host2/scsi_host/host2/proc_name", driver);
  const std::string session = std::string(kSession) + "iscsi_session/session1/";
  for (const auto& [name, value] :
       {std::pair("targetname", "iqn.2003-01.org.example:crash"), std::pair("tpgt", "1"),
        std::pair("initiatorname", "iqn.1993-08.org.debian:01:abc"), std::pair("username", "me"),
        std::pair("password", "a secret"), std::pair("username_in", "(null)"),
        std::pair("password_in", "(null)")})
    sysfs.write_at(session + name, value);
  const std::string connection =
      std::string(kSession) + "connection1:0/iscsi_connection/connection1:0/";
  for (const auto& [name, value] :
       {std::pair("persistent_address", "192.0.2.1"), std::pair("persistent_port", "3260"),
        std::pair("address", "192.0.2.9"), std::pair("port", "3261")})
    sysfs.write_at(connection + name, value);
}

void add_controller(BlockSysfs& sysfs, const std::string& place, const std::string& address,
                    const std::string& transport = "tcp") {
  for (const auto& [name, value] : {std::pair<std::string, std::string>("transport", transport),
                                    {"address", address},
                                    {"subsysnqn", "nqn.2014-08.org.example:crash"},
                                    {"hostnqn", "nqn.host"},
                                    {"hostid", "1-2-3"},
                                    {"dhchap_secret", "none"}})
    sysfs.write_at(place + "/" + name, value);
}

std::string error_of(const BlockSysfs& sysfs, const std::string& disk) {
  const auto found = network_disks_of({{}, {disk}}, sysfs.root());
  return found ? "accepted" : found.error().message();
}

TEST(NetworkDisks, AnIscsiSessionIsReadFromSysfs) {
  BlockSysfs sysfs;
  add_session(sysfs);
  const NetworkDisk expected{NetworkDisk::Kind::iscsi,
                             "192.0.2.1",
                             3260,
                             "iqn.2003-01.org.example:crash",
                             "iqn.1993-08.org.debian:01:abc",
                             "",
                             1,
                             "me",
                             "a secret",
                             "",
                             ""};
  for (const char* disk : {"sda", "sda1"}) {
    const auto found = network_disks_of({{}, {disk}}, sysfs.root());
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_THAT(*found, ElementsAre(expected)) << disk;
  }
  EXPECT_EQ(expected.describe(), "iSCSI iqn.2003-01.org.example:crash at 192.0.2.1:3260");
}

TEST(NetworkDisks, OneSessionIsNamedOnce) {
  BlockSysfs sysfs;
  add_session(sysfs);
  const auto found = network_disks_of({{}, {"sda", "sda1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->size(), 1U);
}

TEST(NetworkDisks, AnNvmeControllerBelowOrBesideItsNamespace) {
  BlockSysfs sysfs;
  sysfs.block("nvme1n1", "virtual/nvme-fabrics/ctl/nvme1/nvme1n1");
  add_controller(sysfs, "virtual/nvme-fabrics/ctl/nvme1", "traddr=192.0.2.3,trsvcid=4421");
  sysfs.block("nvme2n1", "virtual/nvme-subsystem/nvme-subsys2/nvme2n1");
  add_controller(sysfs, "virtual/nvme-subsystem/nvme-subsys2/nvme2",
                 "traddr=2001:db8::3,src_addr=2001:db8::4");
  add_controller(sysfs, "virtual/nvme-subsystem/nvme-subsys2/nvme3", "traddr=192.0.2.4");

  auto found = network_disks_of({{}, {"nvme1n1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front(),
            (NetworkDisk{NetworkDisk::Kind::nvme_tcp, "192.0.2.3", 4421,
                         "nqn.2014-08.org.example:crash", "nqn.host", "1-2-3", 0, "", "", "", ""}));

  found = network_disks_of({{}, {"nvme2n1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].describe(), "NVMe/TCP nqn.2014-08.org.example:crash at [2001:db8::3]:4420");
  EXPECT_EQ((*found)[1].address, "192.0.2.4");
}

TEST(NetworkDisks, AnNvmeControllerWithSecrets) {
  BlockSysfs sysfs;
  sysfs.block("nvme1n1", "virtual/nvme-fabrics/ctl/nvme1/nvme1n1");
  add_controller(sysfs, "virtual/nvme-fabrics/ctl/nvme1", "traddr=192.0.2.3,trsvcid=4420");
  sysfs.write_at("virtual/nvme-fabrics/ctl/nvme1/tls_key", "");  // shown, and none
  auto found = network_disks_of({{}, {"nvme1n1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->front().secret, "");

  sysfs.write_at("virtual/nvme-fabrics/ctl/nvme1/dhchap_secret", "DHHC-1:01:ours:");
  sysfs.write_at("virtual/nvme-fabrics/ctl/nvme1/dhchap_ctrl_secret", "DHHC-1:01:theirs:");
  found = network_disks_of({{}, {"nvme1n1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->front().secret, "DHHC-1:01:ours:");
  EXPECT_EQ(found->front().their_secret, "DHHC-1:01:theirs:");
}

TEST(NetworkDisks, DisksOfThisMachineAreNone) {
  BlockSysfs sysfs;
  sysfs.block("sdb", "pci0000:00/host0/target0:0:0/0:0:0:0/block/sdb");
  sysfs.block("nvme0n1", "pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1");
  sysfs.write_at("pci0000:00/0000:00:04.0/nvme/nvme0/transport", "pcie");
  const auto found = network_disks_of({{}, {"sdb", "nvme0n1"}}, sysfs.root());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_THAT(*found, IsEmpty());
}

TEST(NetworkDisks, WhatCannotBeConnectedToAgainIsRefused) {
  BlockSysfs sysfs;
  add_session(sysfs, "bnx2i");
  EXPECT_THAT(error_of(sysfs, "sda"), HasSubstr("/dev/sda is an iSCSI disk over bnx2i"));
  BlockSysfs unprivileged;
  add_session(unprivileged);
  unprivileged.write_at(std::string(kSession) + "iscsi_session/session1/password", "(null)");
  EXPECT_THAT(error_of(unprivileged, "sda"), HasSubstr("whose CHAP password"));
  sysfs.block("nvme1n1", "virtual/nvme-fabrics/ctl/nvme1/nvme1n1");
  add_controller(sysfs, "virtual/nvme-fabrics/ctl/nvme1", "traddr=192.0.2.3", "rdma");
  EXPECT_THAT(error_of(sysfs, "nvme1n1"), HasSubstr("an NVMe-oF disk over rdma"));
  sysfs.block("nvme2n1", "virtual/nvme-fabrics/ctl/nvme2/nvme2n1");
  add_controller(sysfs, "virtual/nvme-fabrics/ctl/nvme2", "traddr=192.0.2.3");
  sysfs.write_at("virtual/nvme-fabrics/ctl/nvme2/tls_key", "1b3f6a2c");
  EXPECT_THAT(error_of(sysfs, "nvme2n1"), HasSubstr("over TLS"));
  EXPECT_THAT(error_of(sysfs, "nvme2n1"), HasSubstr("kdump.conf"));
}

}  // namespace
}  // namespace kdump
