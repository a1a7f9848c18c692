// What native images and those of dracut have in common: programs, the kernel's modules, and how it
// unpacks.
#pragma once

#include <vector>

#include "initramfs/image/image_recipe.h"
#include "initramfs/image/modules.h"

namespace kdump {

// The modules that the plan's targets and this host's watchdogs need, in the order in which they
// are loaded.
Result<std::vector<KernelModule>> modules_for(const CapturePlan& plan, const ImageOptions& options);

// kdump-capture by the name `capture_path`, the programs of the admin's and their interpreters, a
// shell if the failure action asks for one, and the libraries of all these.
Result<void> add_programs(ImageRecipe& recipe, const CapturePlan& plan, const ImageOptions& options,
                          const std::string& capture_path);

// Kernels before 5.9 cannot unpack zstd; what is not compressed every kernel takes.
bool can_unpack_zstd(const ImageOptions& options);

}  // namespace kdump
