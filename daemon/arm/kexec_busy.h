// How long the kernel is asked again: it answers EBUSY, it does not wait, while it handles another
// load, a hotplug event or even a read of crash_size.
#pragma once

#include <chrono>

namespace kdump {

inline constexpr int kBusyTries = 100;
inline constexpr auto kBusyPause = std::chrono::milliseconds(100);

}  // namespace kdump
