// From what is configured to what the capture kernel has to reach: decided while the host is
// healthy. One function a kind of target, each in its own file; resolve_target() in target.cpp
// puts the plan together.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// Each gives the members of TargetPlan that its kind has; `described` and `stall_limit` come from
// who calls. `path` is the directory for dumps as the admin wrote it. Errors say what to change.
// Errc::unsupported with the reason for what the native image cannot reach.
Result<TargetPlan> resolve_local_target(const Target& target, const std::string& path);
Result<TargetPlan> resolve_nfs_target(const Target& target, const std::string& path);
// A directory that lies on an NFS mount; nothing if it does not.
Result<std::optional<TargetPlan>> resolve_nfs_path(const Target& target, const std::string& path);
Result<TargetPlan> resolve_virtiofs_target(const Target& target, const std::string& path);
Result<TargetPlan> resolve_raw_target(const Target& target);

// What a capture on a raw device would destroy, as a sentence for the admin; "" if there is nothing
// on it, or if it is another kind of target.
std::string raw_target_warning(const Target& target);
// With the line that asks for this target in front, for an admin with several.
Error at_line_of(const Target& target, Error error);
// The root file system of this host, for failure_action dump_to_rootfs: `path` is below it, even
// where another file system is mounted in between.
Result<TargetPlan> resolve_root_filesystem(const std::string& path);

// Port, key and host keys are added when arming (daemon/arm/ssh_files.h).
Result<TargetPlan> resolve_ssh_target(const Target& target, const std::string& path);

}  // namespace kdump
