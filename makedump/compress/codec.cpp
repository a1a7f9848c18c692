#include "makedump/compress/codec.h"

#include <algorithm>

#include "makedump/compress/codecs.h"

namespace kdump {

namespace {

class NoCompressor final : public Compressor {
 public:
  size_t compress(Bytes /*in*/, MutBytes /*out*/) override { return 0; }
  [[nodiscard]] size_t bound(size_t size) const override { return size; }
};

class NoDecompressor final : public Decompressor {
 public:
  Result<void> decompress(Bytes in, MutBytes out) override {
    if (in.size() != out.size()) {
      return Error(Errc::bad_input, "raw page of " + std::to_string(in.size()) +
                                        " bytes, expected " + std::to_string(out.size()));
    }
    std::copy(in.begin(), in.end(), out.begin());
    return {};
  }
};

}  // namespace

std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::zlib:
      return "zlib";
    case Codec::lzo:
      return "lzo";
    case Codec::snappy:
      return "snappy";
    case Codec::zstd:
      return "zstd";
  }
  return "unknown";
}

Result<std::unique_ptr<Compressor>> make_compressor(Codec codec) {
  switch (codec) {
    case Codec::none:
      return std::unique_ptr<Compressor>(std::make_unique<NoCompressor>());
    case Codec::zlib:
      return make_zlib_compressor();
    case Codec::lzo:
      return make_lzo_compressor();
    case Codec::snappy:
      return make_snappy_compressor();
    case Codec::zstd:
      return make_zstd_compressor();
  }
  return Error(Errc::internal, "no such codec: " + std::to_string(static_cast<uint32_t>(codec)));
}

Result<std::unique_ptr<Decompressor>> make_decompressor(Codec codec) {
  switch (codec) {
    case Codec::none:
      return std::unique_ptr<Decompressor>(std::make_unique<NoDecompressor>());
    case Codec::zlib:
      return make_zlib_decompressor();
    case Codec::lzo:
      return make_lzo_decompressor();
    case Codec::snappy:
      return make_snappy_decompressor();
    case Codec::zstd:
      return make_zstd_decompressor();
  }
  // The number comes out of a page descriptor, which is hostile.
  return Error(Errc::bad_input, "no such codec: " + std::to_string(static_cast<uint32_t>(codec)));
}

}  // namespace kdump
