// What a capture image that dracut builds is made of: the arguments of dracut, and everything that
// decides what comes out, so that freshness works as it does for the native image.
#pragma once

#include "initramfs/image/image_recipe.h"

namespace kdump {

// Looks at this host. Errors name what is missing, with what to install.
//
// One of the inputs is dracut itself, and its options are the words that it is run with. An input
// with mode 0 is not packed by us: dracut, and files of the host that decide what it builds.
Result<ImageRecipe> dracut_recipe(const CapturePlan& plan, const ImageOptions& options);

// The word before the modules that are loaded although no device asks for them.
inline constexpr char kForceDrivers[] = "--force-drivers";

// The program and its arguments; empty for a native image.
std::vector<std::string> dracut_command(const ImageRecipe& recipe);

// Adds words of the admin's, behind ours, so that they have the last word.
void add_dracut_words(ImageRecipe& recipe, const std::vector<std::string>& words);

}  // namespace kdump
