// What `systemctl status kdumpd` says, in one line.
#pragma once

#include <optional>
#include <string>

#include "daemon/arm/arming_state.h"

namespace kdump {

// `state`: what arming did last, if it is known. `loaded`: what the kernel says, if it can be read;
// it is believed over the state, as other programs can load and unload, too.
std::string status_line(const std::optional<ArmingState>& state, std::optional<bool> loaded);

// Somebody disarmed the host on purpose: nothing but a person arms it again.
bool stopped_on_purpose(const std::optional<ArmingState>& state, std::optional<bool> loaded);

}  // namespace kdump
