// Snappy, through its C interface: the C++ one has std::string in it.
#include <snappy-c.h>

#include "makedump/compress/codecs.h"

namespace kdump {

namespace {

const char* in_ptr(Bytes bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}
char* out_ptr(MutBytes bytes) {
  return reinterpret_cast<char*>(bytes.data());
}

class SnappyCompressor final : public Compressor {
 public:
  size_t compress(Bytes in, MutBytes out) override {
    size_t size = out.size();
    // The library has no context to keep: each call takes its hash table from the heap (some KiB
    // for a page, so malloc gives the same piece again) and throws where that fails.
    try {
      if (snappy_compress(in_ptr(in), in.size(), out_ptr(out), &size) != SNAPPY_OK) return 0;
    } catch (...) {
      return 0;
    }
    return size < in.size() ? size : 0;
  }
  // The library refuses to start with less, however small the result would be.
  [[nodiscard]] size_t bound(size_t size) const override {
    return snappy_max_compressed_length(size);
  }
};

class SnappyDecompressor final : public Decompressor {
 public:
  Result<void> decompress(Bytes in, MutBytes out) override {
    size_t size = 0;
    if (snappy_uncompressed_length(in_ptr(in), in.size(), &size) != SNAPPY_OK ||
        size != out.size() ||
        snappy_uncompress(in_ptr(in), in.size(), out_ptr(out), &size) != SNAPPY_OK)
      return Error(Errc::bad_input, "damaged snappy data");
    return {};
  }
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_snappy_compressor() {
  return std::unique_ptr<Compressor>(std::make_unique<SnappyCompressor>());
}

Result<std::unique_ptr<Decompressor>> make_snappy_decompressor() {
  return std::unique_ptr<Decompressor>(std::make_unique<SnappyDecompressor>());
}

}  // namespace kdump
