// A file of this kernel's memory, on its way to the target.
#pragma once

#include <string>

#include "initramfs/capture/destination.h"

namespace kdump {

// Publishes `path` as `name` and removes it. It is mapped, not read: a kernel's log may have many
// MiB (log_buf_len=), and there is no room for a second copy.
Result<void> publish_copy(Destination& destination, const std::string& path,
                          const std::string& name);

}  // namespace kdump
