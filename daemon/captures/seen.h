// Which captures were told of already: kept in /var/lib/kdump/captures.json, so that nobody is told
// twice, whatever ends this program.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct SeenCapture {
  bool notified = false;  // the notification command succeeded, or there was none
  unsigned attempts = 0;  // of the command, all of which failed unless `notified`
};

using SeenCaptures = std::map<std::string, SeenCapture>;  // by directory

// Nothing if there is no such file yet. A damaged one is an error, once: it should be removed.
Result<std::optional<SeenCaptures>> read_seen(const HostPaths& paths);
Result<void> write_seen(const HostPaths& paths, const SeenCaptures& seen);

}  // namespace kdump
