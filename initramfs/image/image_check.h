// Looks into a capture image that is on this host: what is in it, and what is missing in it, before
// a dead machine finds out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

struct ImageContents {
  uint64_t packed_bytes = 0, unpacked_bytes = 0;
  size_t programs = 0, libraries = 0;
  std::vector<std::string> modules;           // names, in load order
  std::vector<uint64_t> module_bytes;         // of each of them, as a file
  std::vector<std::string> unsigned_modules;  // those of them without a signature
  CapturePlan plan;
  // Whole sentences, one for each thing that is missing or does not belong to `release`.
  std::vector<std::string> program_problems, module_problems;
};

// Native images: newc cpio, packed or not. The error says why it cannot be looked into at all: not
// there, damaged, no plan in it.
Result<ImageContents> inspect_image(const std::string& path, const std::string& release);

}  // namespace kdump
