// zlib streams, through libdeflate: at level 1 more than twice as fast as zlib itself, and no
// larger. The level is makedumpfile's: a capture kernel's CPU is the narrow place, not its disk.
#include <algorithm>
#include <libdeflate.h>

#include "makedump/compress/codecs.h"

namespace kdump {

namespace {

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};
using CompressorHandle = std::unique_ptr<libdeflate_compressor, FreeCompressor>;
using DecompressorHandle = std::unique_ptr<libdeflate_decompressor, FreeDecompressor>;

constexpr int kLevel = 1;

class ZlibCompressor final : public Compressor {
 public:
  explicit ZlibCompressor(CompressorHandle handle) : handle_(std::move(handle)) {
    copy_.reserve(kLargestPage);
  }

  size_t compress(Bytes in, MutBytes out) override {
    if (in.size() < 2) return 0;
    // libdeflate reads its input twice, first for the statistics and then for the literals, and
    // trusts the second pass to fit what the first one counted. A page of a dead kernel may change
    // in between: devices that it left running still write to it. So both passes see a copy.
    copy_.assign(in.begin(), in.end());
    const size_t room = std::min(out.size(), in.size() - 1);
    return libdeflate_zlib_compress(handle_.get(), copy_.data(), copy_.size(), out.data(), room);
  }
  [[nodiscard]] size_t bound(size_t size) const override { return size; }

 private:
  CompressorHandle handle_;
  std::vector<std::byte> copy_;
};

class ZlibDecompressor final : public Decompressor {
 public:
  explicit ZlibDecompressor(DecompressorHandle handle) : handle_(std::move(handle)) {}

  Result<void> decompress(Bytes in, MutBytes out) override {
    // Without a place for the real size, anything but exactly out.size() bytes is a failure.
    if (libdeflate_zlib_decompress(handle_.get(), in.data(), in.size(), out.data(), out.size(),
                                   nullptr) != LIBDEFLATE_SUCCESS)
      return Error(Errc::bad_input, "damaged zlib data");
    return {};
  }

 private:
  DecompressorHandle handle_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_zlib_compressor() {
  CompressorHandle handle(libdeflate_alloc_compressor(kLevel));
  if (!handle) return Error(Errc::no_memory, "zlib: no memory for the compressor");
  return std::unique_ptr<Compressor>(std::make_unique<ZlibCompressor>(std::move(handle)));
}

Result<std::unique_ptr<Decompressor>> make_zlib_decompressor() {
  DecompressorHandle handle(libdeflate_alloc_decompressor());
  if (!handle) return Error(Errc::no_memory, "zlib: no memory for the decompressor");
  return std::unique_ptr<Decompressor>(std::make_unique<ZlibDecompressor>(std::move(handle)));
}

}  // namespace kdump
