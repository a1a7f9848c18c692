// What the capture kernel's command line takes from this host.
#pragma once

#include "config/command_line.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

Result<CommandLineHost> read_command_line_host(const HostPaths& paths);

}  // namespace kdump
