// The kernel, image and command line that the kernel took last. A crash load throws the loaded
// image away before it looks at the new one, so this is what is loaded when the new one is refused.
#pragma once

#include <optional>

#include "daemon/arm/kexec.h"
#include "daemon/host/host.h"

namespace kdump {

// The image file stays as it is even when a new one is published under its name: it is a hard link,
// named by its digest. Killed in between, either the new set is remembered or the old one.
Result<void> remember_last_good(const Host& host, const CrashImage& image,
                                const std::string& image_digest);

// Nothing if none is kept, or not all of it is there any more.
std::optional<CrashImage> last_good(const Host& host);

}  // namespace kdump
