// The kernel modules of the image, loaded in the capture kernel.
#pragma once

#include "initramfs/capture/supervisor.h"

namespace kdump {

// All of the image's list, in its order; what was loaded is removed from the image, which is
// memory. May be called again after one hung: goes on behind it.
void load_modules(WorkerState& state);

}  // namespace kdump
