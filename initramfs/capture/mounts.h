// Mounting, in the capture kernel.
#pragma once

#include <string>

#include "makedump/base/result.h"

namespace kdump {

// Where the target that is tried as number `attempt` is mounted.
std::string target_mount_point(unsigned attempt);

// If the file system does not take its options (they came from the healthy system's mount and may
// stand for something that is not there now), it is mounted without them: a dump matters more.
// `warning` then says so.
Result<void> mount_target(const std::string& device, const std::string& mount_point,
                          const std::string& type, const std::string& options,
                          std::string& warning);

// /proc, /sys and /dev, as far as they are not there yet.
Result<void> mount_kernel_filesystems();

}  // namespace kdump
