// CRC-32 as zlib, gzip and crc32(1) compute it, and the sums of pieces that were made in another
// order than they stand in.
#pragma once

#include <cstdint>
#include <string>

#include "makedump/base/bytes.h"

namespace kdump {

// `crc` is the sum of what came before; 0 to begin with.
uint32_t crc32(uint32_t crc, Bytes bytes);

// The sum of two pieces, one behind the other, from the sum of each; `length` is the second's, in
// bytes. Takes no time worth counting for any length.
uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t length);

// The sum of this many zero bytes: a file's hole.
uint32_t crc32_of_zeros(uint64_t length);

// "cbf43926", as crc32(1) prints it.
std::string crc32_text(uint32_t crc);

}  // namespace kdump
