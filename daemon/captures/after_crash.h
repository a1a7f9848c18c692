// What is done once at the start of the host: dumps on raw targets are recovered, captures that are
// new are told of, the retention is applied.
#pragma once

#include "config/settings.h"
#include "daemon/host/host_paths.h"

namespace kdump {

// Logs what it finds and does. False if something failed that somebody should look at. Returns at
// once, with true, if another program is at it already.
bool after_crash(const HostPaths& paths, const Settings& settings);

}  // namespace kdump
