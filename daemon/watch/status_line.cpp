#include "daemon/watch/status_line.h"

namespace kdump {

std::string status_line(const std::optional<ArmingState>& state, std::optional<bool> loaded) {
  if (!loaded) return state ? state->summary : "It is not known whether the host is armed";
  if (*loaded && (!state || state->armed == Armed::no))
    return "Armed by another program; 'kdumpctl restart' loads what is configured";
  if (!*loaded && !state) return "Not armed";
  if (!*loaded && state->armed != Armed::no)
    return "Not armed: the capture image was unloaded behind kdumpd's back; 'kdumpctl restart' "
           "loads it again";
  return state->summary;
}

bool stopped_on_purpose(const std::optional<ArmingState>& state, std::optional<bool> loaded) {
  return state && state->action == "stop" && state->ok && state->armed == Armed::no &&
         !loaded.value_or(false);
}

}  // namespace kdump
