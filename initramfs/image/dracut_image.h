// Runs dracut for an image by a dracut_recipe(), and makes what it built ours: checked, packed,
// with the record in front, and published like the native image.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "initramfs/image/image_builder.h"
#include "initramfs/image/image_recipe.h"

namespace kdump {

// Where kdump-capture is in it; the native image has it as /init.
inline constexpr char kCapturePath[] = "/usr/bin/kdump-capture";

// How names of folders begin, beside the image, in which dracut is at work.
inline constexpr char kDracutScratch[] = "dracut-";

struct DracutRun {
  int status = 0;
  std::string words;  // all that it said
};

// Runs a program with these variables added to its environment; an error when it could not be run
// or had no end within `limit`.
using RunDracut = std::function<Result<DracutRun>(const std::vector<std::string>& argv,
                                                  const std::vector<std::string>& environment,
                                                  std::chrono::seconds limit)>;

// What dracut said stays in dracut.log beside `output`.
Result<ImageReport> build_dracut_image(const ImageRecipe& recipe, const std::string& output,
                                       const RunDracut& run);

}  // namespace kdump
