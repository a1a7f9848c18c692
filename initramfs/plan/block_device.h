// Finding block devices by what is on them, on both sides: the builder asks once, kdump-capture
// asks again and again until the target has appeared. No udev links are needed: libblkid looks at
// the devices themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct BlockIdentity {
  std::string type;  // of the file system; "" when there is none that libblkid knows
  std::string uuid, label;
  std::string part_uuid, part_label;  // of the partition table entry, if it is a partition
};

// What is on a device (or an image in a file).
Result<BlockIdentity> probe_block_device(const std::string& path);

// "UUID=…", "LABEL=…", "PARTUUID=…", "PARTLABEL=…" (values in quotes are fine); a path never does.
bool matches(const BlockIdentity& identity, const std::string& spec);

// Searches for one device, repeatedly. A device whose content was read once is not read again.
class BlockDeviceSearch {
 public:
  // `spec` is a path in /dev or one of the tags above.
  explicit BlockDeviceSearch(std::string spec) : spec_(std::move(spec)) {}

  // Path of the device; not_found if it is not there (yet).
  Result<std::string> find();

  // "vda vda1 vdb": what there is instead, for the message.
  [[nodiscard]] std::string seen() const;

 private:
  std::string spec_;
  std::map<std::string, BlockIdentity> known_;  // by kernel name
  std::vector<std::string> names_;              // as of the last find()
};

// What the hardware calls a whole disk, as a spec that BlockDeviceSearch finds again in any kernel:
// "WWID=naa.5000c500a1b2c3d4", "SERIAL=disk1"; "" if it has no name, or is a partition. Blanks in
// names become '_'. `sysfs` is /sys but for tests.
std::string hardware_name(const std::string& kernel_name, const std::string& sysfs = "/sys");

// The spec that finds this device again in another kernel, where names in /dev may be given out in
// another order; `otherwise` where there is none.
std::string stable_spec(const BlockIdentity& identity, const std::string& kernel_name,
                        const std::string& otherwise);

// "/dev/vda1" → "vda1", also through links.
Result<std::string> kernel_name_of(const std::string& path);

// "sda1" → "/dev/sda1"; sysfs spells the slashes in names as '!'.
std::string device_path(const std::string& kernel_name);

}  // namespace kdump
