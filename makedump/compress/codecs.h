// The codecs behind codec.h, one file each. Only codec.cpp includes this.
#pragma once

#include "makedump/compress/codec.h"

namespace kdump {

// What a compressor that copies its input sets aside at the start; larger input works too.
inline constexpr size_t kLargestPage = 65536;

// no_memory is the only way in which these fail.
Result<std::unique_ptr<Compressor>> make_zlib_compressor();
Result<std::unique_ptr<Compressor>> make_lzo_compressor();
Result<std::unique_ptr<Compressor>> make_snappy_compressor();
Result<std::unique_ptr<Compressor>> make_zstd_compressor();

Result<std::unique_ptr<Decompressor>> make_zlib_decompressor();
Result<std::unique_ptr<Decompressor>> make_lzo_decompressor();
Result<std::unique_ptr<Decompressor>> make_snappy_decompressor();
Result<std::unique_ptr<Decompressor>> make_zstd_decompressor();

}  // namespace kdump
