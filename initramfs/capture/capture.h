// kdump-capture's work: the steps that PID 1 runs, each in a child of its own.
#pragma once

#include "initramfs/capture/supervisor.h"

namespace kdump {

extern const CaptureSteps kCaptureSteps;

}  // namespace kdump
