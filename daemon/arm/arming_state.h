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

// Of what the kernel holds. It tells only that it holds something, so this is what arming knows of
// it: all "" and 0 when nothing is loaded, and when somebody else loaded it.
struct Holding {
  std::string kernel, image;  // files
  std::string kernel_digest, image_digest;
  std::string command_line;
  int64_t loaded_at = 0;  // seconds since 1970

  [[nodiscard]] bool known() const { return !image_digest.empty(); }
};

struct ArmingState {
  int64_t at = 0;      // seconds since 1970
  std::string action;  // what was asked for: start, stop, restart, reload, rebuild, refresh
  bool ok = false;     // it is done
  Armed armed = Armed::no;
  std::string summary;  // one line for a person: where dumps go, or why the host is not armed
  std::string reason;   // "" if ok, else the error
  Holding holding;
};

// Published atomically, readable by everybody. Not found if nothing was armed since boot.
Result<ArmingState> read_arming_state(const HostPaths& paths);
Result<void> write_arming_state(const HostPaths& paths, const ArmingState& state);

}  // namespace kdump
