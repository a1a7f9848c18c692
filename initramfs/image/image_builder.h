// Builds the native capture image: newc cpio, zstd. kdump-capture as /init and makedump, its shared
// libraries, the modules that the target's device and file system need, in load order, and the
// capture plan. No udev, no systemd; a shell only where a hook or failure_action takes one.
#pragma once

#include <string>
#include <vector>

#include "initramfs/image/image_recipe.h"
#include "initramfs/plan/capture_plan.h"

namespace kdump {

struct ImageReport {
  uint64_t compressed_bytes = 0, unpacked_bytes = 0;
  std::vector<std::string> modules;  // paths in the image, in load order
  std::vector<std::string> libraries;
};

// Where a dump of this host would go: resolves the configured target, or the file system that holds
// settings.path, to what the capture kernel has to mount. unsupported for what needs userspace to
// assemble (LVM, LUKS, md, multipath), with the way out.
Result<CapturePlan> resolve_target(const Settings& settings);

// Published atomically as `output`, mode 0600.
Result<ImageReport> build_image(const ImageRecipe& recipe, const std::string& output);

}  // namespace kdump
