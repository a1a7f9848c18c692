// The kernel, image and command line that the kernel took last. A crash load throws the loaded
// image away before it looks at the new one, so this is what is loaded when the new one is refused.
#pragma once

#include <optional>

#include "daemon/arm/arming_state.h"
#include "daemon/arm/kexec.h"
#include "daemon/host/host.h"

namespace kdump {

// Both files stay as they are whatever becomes of those that were loaded: the image is a hard link,
// since a new one only takes its name; the kernel is a copy, since whoever spoils the file in /boot
// writes into it. They are named by their digests. Killed in between, either the new set is
// remembered or the old one.
Result<void> remember_last_good(const Host& host, const Holding& loaded);

// Nothing if none is kept, or not all of it is there any more.
std::optional<CrashImage> last_good(const Host& host);

}  // namespace kdump
