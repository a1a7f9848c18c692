// What arming did last: kept in /run/kdump/arming.json, so that `kdumpctl status` and kdumpd's
// status line can say why the host is as it is, whoever made it so.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

enum class Armed {
  yes,
  with_older_image,  // the image that was asked for is not the one that is loaded
  no,
};

struct ArmingState {
  int64_t at = 0;      // seconds since 1970
  std::string action;  // what was asked for: start, stop, reload, refresh, …
  bool ok = false;     // it is done
  Armed armed = Armed::no;
  std::string summary;  // one line for a person: where dumps go, or why the host is not armed
  std::string reason;   // "" if ok, else the error

  // Of what the kernel holds; "" and 0 when nothing is loaded.
  std::string kernel, command_line;
  std::string image_digest;
  int64_t loaded_at = 0;
};

// Published atomically. Not found if nothing was armed since boot.
Result<ArmingState> read_arming_state(const HostPaths& paths);
Result<void> write_arming_state(const HostPaths& paths, const ArmingState& state);

}  // namespace kdump
