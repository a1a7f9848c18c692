// The work of the capture kernel: from "the machine has crashed" to "the dump is on disk".
#pragma once

#include "initramfs/supervisor.h"

namespace kdump {

// Saves what the plan in the image says. Logs what it does and, once, why it failed. True if the
// dump is on its target, synced.
bool capture(WorkerState& state);

}  // namespace kdump
