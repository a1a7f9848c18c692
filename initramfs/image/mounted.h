// Where a target's file system is mounted on the running system.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

// The mount point, of the whole file system where there are several; nothing if it is not mounted.
// For targets that are mounted: filesystem (virtiofs, too) and nfs. `root` is in front of every
// path that is looked at, and of the result; with one, devices are found by name and udev's links
// only. not_found if there is no such device.
Result<std::optional<std::string>> find_mounted(const std::string& root, const Target& target);

}  // namespace kdump
