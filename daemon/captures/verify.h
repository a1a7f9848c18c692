// Reading a dump again to see whether it is what was written.
#pragma once

#include <string>

#include "daemon/captures/captures.h"
#include "makedump/base/fd.h"

namespace kdump {

struct Verdict {
  enum class Kind { ok, damaged, not_known } kind = Kind::not_known;
  std::string why;  // "" if ok
};

// Reads the whole dump, but for its holes.
Verdict verify_capture(const Capture& capture);

// The CRC-32 of a file, holes as zeros, without reading them.
Result<uint32_t> crc32_of_file(const Fd& fd, const std::string& name);

}  // namespace kdump
