// LZO1X, which every reader of kdump files has had since 2012.
#include <lzo/lzo1x.h>

#include "makedump/compress/codecs.h"

namespace kdump {

namespace {

// The variants differ only in the size of the encoder's dictionary; decoders read them all. Up to
// this size the smaller one is a few per cent faster and loses less than 0.3 % of the ratio; for
// the 64 KiB pages of other machines a dictionary of 4096 entries would be too small.
constexpr size_t kSmallPage = 8192;

// Checks that the library was built with types of the same size as its header says.
bool library_fits() {
  static const bool fits = lzo_init() == LZO_E_OK;
  return fits;
}

const unsigned char* in_ptr(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out_ptr(MutBytes bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

class LzoCompressor final : public Compressor {
 public:
  // Unlike deflate, LZO may be given a page that changes under it: what it writes is bounded by
  // positions in the input, never by the input's content.
  size_t compress(Bytes in, MutBytes out) override {
    lzo_uint size = 0;
    const int status =
        in.size() <= kSmallPage
            ? lzo1x_1_12_compress(in_ptr(in), in.size(), out_ptr(out), &size, memory_.data())
            : lzo1x_1_compress(in_ptr(in), in.size(), out_ptr(out), &size, memory_.data());
    return status == LZO_E_OK && size < in.size() ? size : 0;
  }
  // The library never asks how much room there is, so this much has to be there (LZO.FAQ).
  [[nodiscard]] size_t bound(size_t size) const override { return size + size / 16 + 64 + 3; }

 private:
  static_assert(LZO1X_1_12_MEM_COMPRESS <= LZO1X_1_MEM_COMPRESS);
  std::vector<std::max_align_t> memory_ =
      std::vector<std::max_align_t>(LZO1X_1_MEM_COMPRESS / sizeof(std::max_align_t) + 1);
};

class LzoDecompressor final : public Decompressor {
 public:
  Result<void> decompress(Bytes in, MutBytes out) override {
    lzo_uint size = out.size();
    const int status = lzo1x_decompress_safe(in_ptr(in), in.size(), out_ptr(out), &size, nullptr);
    if (status != LZO_E_OK || size != out.size()) return Error(Errc::bad_input, "damaged lzo data");
    return {};
  }
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_lzo_compressor() {
  if (!library_fits()) return Error(Errc::internal, "lzo: the library does not fit its header");
  return std::unique_ptr<Compressor>(std::make_unique<LzoCompressor>());
}

Result<std::unique_ptr<Decompressor>> make_lzo_decompressor() {
  if (!library_fits()) return Error(Errc::internal, "lzo: the library does not fit its header");
  return std::unique_ptr<Decompressor>(std::make_unique<LzoDecompressor>());
}

}  // namespace kdump
