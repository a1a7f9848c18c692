// A kernel module's file as the capture kernel loads it: unpacked, and otherwise untouched, so that
// its signature stays valid (Secure Boot).
#pragma once

#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

// Reads x.ko, x.ko.xz, x.ko.zst or x.ko.gz. Unpacked at build time, as the whole image is
// compressed again, better, and the capture kernel may not know how (CONFIG_MODULE_DECOMPRESS).
Result<std::vector<std::byte>> read_module_file(const std::string& path);

// The path without the ending of the compression.
std::string unpacked_name(const std::string& path);

}  // namespace kdump
