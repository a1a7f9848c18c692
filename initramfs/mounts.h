// mount(2) with options as they stand in fstab and mountinfo.
#pragma once

#include <string>
#include <string_view>

#include "makedump/base/result.h"

namespace kdump {

struct MountOptions {
  unsigned long flags = 0;  // MS_…
  std::string data;         // what is left for the file system
};

MountOptions parse_mount_options(std::string_view options);

// If the file system does not take its options (they came from the healthy system's mount and may
// stand for something that is not there now), it is mounted without them: a dump matters more.
// `warning` then says so.
Result<void> mount_target(const std::string& device, const std::string& mount_point,
                          const std::string& type, const std::string& options,
                          std::string& warning);

// /proc, /sys and /dev, as far as they are not there yet.
Result<void> mount_kernel_filesystems();

}  // namespace kdump
