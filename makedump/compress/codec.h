// Compression of single pages, and of streams for the image builder. No third-party type leaks out
// of this folder.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

// Values are the flag bits of the kdump-compressed format (page descriptors and header status).
enum class Codec : uint32_t { none = 0, zlib = 0x1, lzo = 0x2, snappy = 0x4, zstd = 0x20 };

std::string_view codec_name(Codec codec);  // "none", "zlib", "lzo", "snappy", "zstd"

// Holds the codec's working memory, made once and reused for every page. One per thread.
class Compressor {
 public:
  virtual ~Compressor() = default;
  // Compresses `in` into `out` (≥ bound(in.size()) bytes) and returns how many bytes it took; 0
  // when it failed or did not shrink the input: such a page is stored raw.
  virtual size_t compress(Bytes in, MutBytes out) = 0;
  // The most that compress() may write for `size` bytes of input; never below `size`.
  [[nodiscard]] virtual size_t bound(size_t size) const = 0;
};

class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // Exactly out.size() bytes must come out, else bad_input. `in` is hostile.
  virtual Result<void> decompress(Bytes in, MutBytes out) = 0;
};

// no_memory if the codec's working memory cannot be had. Codec::none gives a Compressor that never
// shrinks.
Result<std::unique_ptr<Compressor>> make_compressor(Codec codec);
Result<std::unique_ptr<Decompressor>> make_decompressor(Codec codec);

// One whole zstd frame (magic number, content size, checksum), as the kernel's initramfs unpacker
// takes it. That unpacker allocates the window next to everything else, in a kernel that has
// little: it is 1 MiB (the kernel would take up to 8), which costs a percent of the image. level 1
// … 19.
Result<std::vector<std::byte>> zstd_frame(Bytes content, int level);

}  // namespace kdump
