// Captures on SSH servers: of sftp targets, and of ssh targets whose account has SFTP as well.
//
// Other hosts may save into the same directory, and a server may be down, slow or not what it was:
// it is talked to in a process of its own, with a limit for each step and for all of them, and only
// what says itself that it is of this host is listed.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/captures/captures.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

// find_captures(), and those on servers; newest first. A server that does not answer costs its
// limit and is a problem.
std::vector<Capture> find_all_captures(const HostPaths& paths, const Settings& settings,
                                       std::vector<std::string>& problems);

// Looks again before it removes: at the manifest, the files, and that nobody put any of his own
// there. Refuses what may_be_given_up() denies.
Result<void> remove_remote_capture(const HostPaths& paths, const Settings& settings,
                                   const Capture& capture);

}  // namespace kdump
