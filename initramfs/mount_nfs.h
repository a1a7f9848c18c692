// Mounting an NFS export in the capture kernel, without mount.nfs.
#pragma once

#include <string>

#include "initramfs/capture_plan.h"
#include "initramfs/supervisor.h"
#include "makedump/base/result.h"

namespace kdump {

// The network is up. A server that does not answer at once is asked again for a minute: it, or the
// switch between us, may just be starting.
Result<void> mount_nfs(const TargetPlan& target, const std::string& mount_point,
                       WorkerState& state);

}  // namespace kdump
