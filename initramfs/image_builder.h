// Builds the native capture image: newc cpio, zstd. kdump-capture as /init, makedump, their shared
// libraries, the modules that the target's device and file system need, in load order, and the
// capture plan. No shell, no udev, no systemd.
#pragma once

#include <string>
#include <vector>

#include "initramfs/capture_plan.h"

namespace kdump {

struct ImageOptions {
  std::string kernel_release;      // /lib/modules/<release>
  std::string modules_root = "/";  // where lib/modules is
  std::string programs_directory;  // holds kdump-capture and makedump
  std::string output;              // published atomically, mode 0600
};

struct ImageReport {
  uint64_t compressed_bytes = 0, unpacked_bytes = 0;
  std::vector<std::string> modules;  // in load order
  std::vector<std::string> libraries;
};

// Where a dump of this host would go: resolves the configured target, or the file system that holds
// settings.path, to what the capture kernel has to mount. unsupported for what needs userspace to
// assemble (LVM, LUKS, md, multipath), with the way out.
Result<CapturePlan> resolve_target(const Settings& settings);

Result<ImageReport> build_image(const CapturePlan& plan, const ImageOptions& options);

}  // namespace kdump
