// The physical memory map that the running kernel shows in /proc/iomem.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/host/host_paths.h"
#include "makedump/base/units.h"

namespace kdump {

// All regions of this name ("System RAM", "Crash kernel"), nested ones too. Empty when it cannot be
// told: who has no CAP_SYS_ADMIN sees zeros in place of addresses.
std::vector<PhysRange> iomem_regions(const HostPaths& paths, std::string_view name);

}  // namespace kdump
