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
// those that cannot be mounted (ssh, sftp) are passed over: see remote_captures.h.
std::vector<CapturePlace> capture_places(const HostPaths& paths, const Settings& settings,
                                         std::vector<std::string>& problems);

// Whether a manifest's hostname is that of this host, and tells it from others: what every second
// machine is called tells nothing.
bool is_name_of_host(const std::string& in_manifest, const std::string& hostname);

// Where dumps are recovered to from raw targets.
std::string recovery_directory(const HostPaths& paths, const Settings& settings);

}  // namespace kdump
