// Which disks of a target the network brings, and how this host's kernel is connected to them.
#pragma once

#include <string>
#include <vector>

#include "initramfs/image/block_stack.h"
#include "initramfs/plan/network_disk.h"
#include "makedump/base/result.h"

namespace kdump {

// One for each path to a disk of `stack` (iSCSI sessions, NVMe/TCP controllers), as sysfs has it;
// none for disks that are plugged into this machine. Root alone is shown secrets.
//
// Errc::unsupported, with the reason and a way out, for transports that kdump-capture cannot
// connect to again: RDMA, Fibre Channel, iSCSI in a NIC's firmware, NVMe over TLS.
Result<std::vector<NetworkDisk>> network_disks_of(const BlockStack& stack,
                                                  const std::string& sysfs = "/sys");

// Path of iscsistart below `root`; "" if it is not installed.
std::string find_iscsistart(const std::string& root = "");

}  // namespace kdump
