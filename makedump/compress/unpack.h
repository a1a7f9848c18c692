// Whole compressed files: what kernel modules come in.
#pragma once

#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

enum class Packing { gzip, xz, zstd };

// The content of a whole file of this kind; bad_input when it is damaged, cut short or larger than
// `limit` bytes.
Result<std::vector<std::byte>> unpack(Packing packing, Bytes packed, size_t limit);

}  // namespace kdump
