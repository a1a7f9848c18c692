// The image and command line that the kernel took last. A crash load throws the loaded image away
// before it looks at the new one, so this is what is loaded when the new one is refused.
#pragma once

#include <optional>
#include <string>

#include "daemon/arm/kexec.h"
#include "daemon/host/host.h"

namespace kdump {

// The image file stays as it is even when a new one is published under its name: it is a hard link.
Result<void> remember_last_good(const Host& host, const CrashImage& image);

// Nothing if none is kept for the running kernel.
std::optional<CrashImage> last_good(const Host& host, const std::string& kernel);

}  // namespace kdump
