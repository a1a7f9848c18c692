// Where captures of this host are to be found on the running system.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/host/host_paths.h"

namespace kdump {

struct CapturePlace {
  std::string directory;
  bool shared = false;   // other hosts may save there, too
  std::string hostname;  // of this host
};

// Each directory once, in the order of the targets. A target that is not mounted is a problem;
// those that cannot be mounted (ssh, sftp) are passed over.
std::vector<CapturePlace> capture_places(const HostPaths& paths, const Settings& settings,
                                         std::vector<std::string>& problems);

// Where dumps are recovered to from raw targets.
std::string recovery_directory(const HostPaths& paths, const Settings& settings);

}  // namespace kdump
