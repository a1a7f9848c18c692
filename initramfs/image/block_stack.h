// What a block device stands on, as sysfs of the running kernel shows it: the layers that userspace
// has to assemble again in the capture kernel, and the disks at the bottom.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

enum class LayerKind { lvm, thin_lvm, luks, multipath, md, device_mapper };

struct BlockLayer {
  LayerKind kind = LayerKind::device_mapper;
  std::string name;    // kernel name: "dm-3", "md127"
  std::string mapper;  // name in /dev/mapper; "" for md
  std::string uuid;    // LUKS: of its header, with dashes; else the device mapper's; "" for md
};

struct BlockStack {
  std::vector<BlockLayer> layers;  // what others stand on comes later; each once
  std::vector<std::string> disks;  // kernel names of plain disks and partitions

  [[nodiscard]] bool is_plain() const { return layers.empty(); }
};

// Errc::unsupported, with the reason and a way out, for what no capture image can have again: what
// lives in this kernel only (loop, zram).
Result<BlockStack> block_stack(const std::string& kernel_name, const std::string& sysfs = "/sys");

// "LVM", "thin LVM", "LUKS", "multipath", "md RAID", "the device mapper".
std::string_view name_of(LayerKind kind);

// The path that udev gives to what is assembled, there as here: "/dev/mapper/vg-crash", or
// "/dev/disk/by-id/md-uuid-…". Not what is on it: a path of a multipath device and a leg of a
// mirror have the same superblock. "" for a plain device.
std::string assembled_path(const std::string& kernel_name, const std::string& sysfs = "/sys",
                           const std::string& by_id = "/dev/disk/by-id");

}  // namespace kdump
