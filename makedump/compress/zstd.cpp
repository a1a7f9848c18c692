// Zstandard: for pages, and for the initramfs of the capture kernel.
#include <algorithm>
#include <zstd.h>
#include <zstd_errors.h>

#include "makedump/compress/codecs.h"

namespace kdump {

namespace {

struct FreeCompressor {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};
using CompressorHandle = std::unique_ptr<ZSTD_CCtx, FreeCompressor>;
using DecompressorHandle = std::unique_ptr<ZSTD_DCtx, FreeDecompressor>;

constexpr int kPageLevel = 1;
// Higher levels take windows above the 8 MiB that the kernel's unpacker allows; up to here the
// library keeps to them (a unit test looks).
constexpr int kFrameLevelMax = 19;

class ZstdCompressor final : public Compressor {
 public:
  explicit ZstdCompressor(CompressorHandle handle) : handle_(std::move(handle)) {
    copy_.reserve(kLargestPage);
  }

  size_t compress(Bytes in, MutBytes out) override {
    if (in.size() < 2) return 0;
    // As in zlib.cpp: nothing promises that the library reads its input only once, and devices that
    // the dead kernel left running may still write to the page.
    copy_.assign(in.begin(), in.end());
    // The context is what costs: made anew for each page, zstd would be three times as slow.
    const size_t size =
        ZSTD_compressCCtx(handle_.get(), out.data(), std::min(out.size(), in.size() - 1),
                          copy_.data(), copy_.size(), kPageLevel);
    return ZSTD_isError(size) != 0 ? 0 : size;
  }
  [[nodiscard]] size_t bound(size_t size) const override { return size; }

 private:
  CompressorHandle handle_;
  std::vector<std::byte> copy_;
};

class ZstdDecompressor final : public Decompressor {
 public:
  explicit ZstdDecompressor(DecompressorHandle handle) : handle_(std::move(handle)) {}

  Result<void> decompress(Bytes in, MutBytes out) override {
    const size_t size =
        ZSTD_decompressDCtx(handle_.get(), out.data(), out.size(), in.data(), in.size());
    if (ZSTD_isError(size) != 0) {
      return Error(Errc::bad_input, std::string("damaged zstd data: ") + ZSTD_getErrorName(size));
    }
    if (size != out.size()) return Error(Errc::bad_input, "damaged zstd data: too short");
    return {};
  }

 private:
  DecompressorHandle handle_;
};

}  // namespace

Result<std::unique_ptr<Compressor>> make_zstd_compressor() {
  CompressorHandle handle(ZSTD_createCCtx());
  if (!handle) return Error(Errc::no_memory, "zstd: no memory for the compressor");
  return std::unique_ptr<Compressor>(std::make_unique<ZstdCompressor>(std::move(handle)));
}

Result<std::unique_ptr<Decompressor>> make_zstd_decompressor() {
  DecompressorHandle handle(ZSTD_createDCtx());
  if (!handle) return Error(Errc::no_memory, "zstd: no memory for the decompressor");
  return std::unique_ptr<Decompressor>(std::make_unique<ZstdDecompressor>(std::move(handle)));
}

Result<std::vector<std::byte>> zstd_frame(Bytes content, int level) {
  if (level < 1 || level > kFrameLevelMax) {
    return Error(Errc::usage, "zstd: level " + std::to_string(level) + " is not one of 1 … " +
                                  std::to_string(kFrameLevelMax));
  }
  const CompressorHandle handle(ZSTD_createCCtx());
  if (!handle) return Error(Errc::no_memory, "zstd: no memory for the compressor");

  constexpr int kWindowLog = 20;
  const ZSTD_cParameter names[] = {ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_checksumFlag,
                                   ZSTD_c_contentSizeFlag};
  const int values[] = {level, kWindowLog, 1, 1};
  for (size_t i = 0; i < std::size(names); ++i) {
    const size_t status = ZSTD_CCtx_setParameter(handle.get(), names[i], values[i]);
    if (ZSTD_isError(status) != 0)
      return Error(Errc::internal, std::string("zstd: ") + ZSTD_getErrorName(status));
  }
  std::vector<std::byte> frame(ZSTD_compressBound(content.size()));
  const size_t size =
      ZSTD_compress2(handle.get(), frame.data(), frame.size(), content.data(), content.size());
  if (ZSTD_isError(size) != 0) {
    const bool memory = ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation;
    return Error(memory ? Errc::no_memory : Errc::internal,
                 std::string("zstd: ") + ZSTD_getErrorName(size));
  }
  frame.resize(size);
  return frame;
}

}  // namespace kdump
