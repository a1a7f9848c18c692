// Connecting to the disks that the network brings: iSCSI sessions, NVMe/TCP controllers.
#pragma once

#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// Connects to what brings the target's disks; nothing to do for any other target. The network is
// up. Of several paths one is enough: the others are warned of. The error names the last that
// failed.
Result<void> connect_network_disks(const TargetPlan& target, WorkerState& state);

}  // namespace kdump
