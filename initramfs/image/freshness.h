// Whether a capture image is still the one that would be built now: by content, as times say
// neither that something changed nor that nothing did.
#pragma once

#include <string>
#include <vector>

#include "initramfs/image/image_recipe.h"
#include "makedump/base/result.h"

namespace kdump {

struct Freshness {
  // Why it has to be built anew, in words; none: it is fresh.
  std::vector<std::string> reasons;
  bool missing = false;  // there is no image at all
  // What is there can be loaded: it is whole, or nobody can tell (it was not made by kdumpd).
  bool usable = false;

  [[nodiscard]] bool fresh() const { return reasons.empty(); }
};

// Compares the image at `path` with what `recipe` would give. An error only when an input cannot be
// read, and so nothing could be built either, or not the image, as by others than root.
Result<Freshness> image_freshness(const ImageRecipe& recipe, const std::string& path);

// What differs, in words.
std::vector<std::string> differences(const ImageRecord& was, const ImageRecord& is);

}  // namespace kdump
