// Mounting an NFS export in the capture kernel, without mount.nfs.
#pragma once

#include <string>

#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

class WorkerState;

// The network is up. A server that does not answer at once is asked again for a minute: it, or the
// switch between us, may just be starting.
Result<void> mount_nfs(const TargetPlan& target, const std::string& mount_point,
                       WorkerState& state);

// One try, with each version that `target` allows, and whatever time the kernel takes for it. What
// the mount says to a server that is gone: nothing after `target.stall_limit`. A healthy host can
// call it, too: that is the proof of a target.
Result<void> try_to_mount_nfs(const TargetPlan& target, const std::string& mount_point);

// For a mount whose server was given up: what waits for it is ended, so that the pages that it was
// to get become free for the next target. Goes on by itself for a minute; nobody waits for it.
void let_go_of_nfs(const std::string& mount_point);

}  // namespace kdump
