// Dumps on raw targets: a capture writes the flattened form to the start of a block device, and the
// next start of the host makes a capture like any other of it.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct RawRecovery {
  std::string directory;  // of the capture that was made
  std::string warning;    // "" or a sentence
};

// Nothing if the device holds no dump. The dump goes to `settings.path`, into a directory named
// after the time; afterwards the device's first 512 bytes are zeros, so that this happens once. A
// dump that is damaged or cut short is kept as vmcore-incomplete, and given up: this is the error,
// and the device is cleared as well. One that failed for another reason (no room) is left where it
// is, nothing of it is kept, and it is tried again the next time.
Result<std::optional<RawRecovery>> recover_raw(const HostPaths& paths, const Settings& settings,
                                               const Target& target);

}  // namespace kdump
