// Waiting for a target's disk to appear in the capture kernel: its drivers were loaded a moment
// ago.
#pragma once

#include <string>

#include "initramfs/capture/supervisor.h"
#include "makedump/base/result.h"

namespace kdump {

// Path of the device that the spec ("UUID=…", "/dev/vdb") names, once it is there. The error says
// which devices there are instead.
Result<std::string> wait_for_device(const std::string& spec, WorkerState& state);

}  // namespace kdump
