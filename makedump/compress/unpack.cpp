#include "makedump/compress/unpack.h"

#include <algorithm>
#include <libdeflate.h>
#include <lzma.h>
#include <memory>
#include <zstd.h>

namespace kdump {

namespace {

Error damaged() {
  return {Errc::bad_input, "compressed file is damaged"};
}

Error no_memory() {
  return {Errc::no_memory, "no memory to unpack it"};
}

// Calls step(room) until it says that the content is complete; room is what is left of the growing
// buffer, and step returns how much of it was filled, and whether there is more to come.
struct Step {
  size_t filled = 0;
  bool complete = false;
};
template <class StepFunction>
Result<std::vector<std::byte>> unpack_growing(size_t first_size, size_t limit, StepFunction step) {
  std::vector<std::byte> content(std::clamp<size_t>(first_size, 4096, limit));
  size_t done = 0;
  for (;;) {
    KDUMP_TRY_ASSIGN(const Step made, step(MutBytes(content).subspan(done)));
    done += made.filled;
    if (made.complete) {
      content.resize(done);
      return content;
    }
    // Room was left, and still there is no end: the file is cut short.
    if (done < content.size() || content.size() >= limit) return damaged();
    content.resize(std::min(content.size() * 2, limit));
  }
}

Result<std::vector<std::byte>> unpack_xz(Bytes packed, size_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) return no_memory();
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  return unpack_growing(packed.size() * 4, limit, [&stream](MutBytes room) -> Result<Step> {
    stream.next_out = reinterpret_cast<uint8_t*>(room.data());
    stream.avail_out = room.size();
    const lzma_ret status = lzma_code(&stream, LZMA_FINISH);
    if (status == LZMA_MEM_ERROR) return no_memory();
    if (status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR)
      return damaged();
    return Step{room.size() - stream.avail_out, status == LZMA_STREAM_END};
  });
}

Result<std::vector<std::byte>> unpack_zstd(Bytes packed, size_t limit) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                        ZSTD_freeDStream);
  if (!stream) return no_memory();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  return unpack_growing(packed.size() * 4, limit, [&](MutBytes room) -> Result<Step> {
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const size_t status = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(status) != 0) return damaged();
    return Step{out.pos, status == 0 && in.pos == in.size};
  });
}

Result<std::vector<std::byte>> unpack_gzip(Bytes packed, size_t limit) {
  // The last four bytes are the size, modulo 2^32.
  constexpr size_t kSmallest = 18;
  if (packed.size() < kSmallest) return damaged();
  const auto size = load<uint32_t>(packed.data() + packed.size() - sizeof(uint32_t));
  if (size > limit) return damaged();
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!decompressor) return no_memory();
  std::vector<std::byte> content(size);
  if (libdeflate_gzip_decompress(decompressor.get(), packed.data(), packed.size(), content.data(),
                                 content.size(), nullptr) != LIBDEFLATE_SUCCESS)
    return damaged();
  return content;
}

}  // namespace

Result<std::vector<std::byte>> unpack(Packing packing, Bytes packed, size_t limit) {
  switch (packing) {
    case Packing::gzip:
      return unpack_gzip(packed, limit);
    case Packing::xz:
      return unpack_xz(packed, limit);
    case Packing::zstd:
      return unpack_zstd(packed, limit);
  }
  return damaged();
}

}  // namespace kdump
