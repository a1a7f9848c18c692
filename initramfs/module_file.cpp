#include "initramfs/module_file.h"

#include <libdeflate.h>
#include <lzma.h>
#include <memory>
#include <optional>

#include "makedump/base/fd.h"
#include "makedump/base/units.h"
#include "makedump/compress/codec.h"

namespace kdump {

namespace {

// The largest module known (amdgpu with debug information) has some 300 MB.
constexpr size_t kLargestModule = size_t{1} << 30;

Error damaged(const std::string& path) {
  return {Errc::bad_input, path + ": compressed module is damaged"};
}

Result<std::vector<std::byte>> unpack_xz(Bytes packed, const std::string& path) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
    return Error(Errc::no_memory, path + ": no memory to decompress it");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  std::vector<std::byte> content(packed.size() * 4);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  for (;;) {
    const size_t done = stream.total_out;
    stream.next_out = reinterpret_cast<uint8_t*>(content.data()) + done;
    stream.avail_out = content.size() - done;
    const lzma_ret rc = lzma_code(&stream, LZMA_FINISH);
    if (rc == LZMA_STREAM_END) break;
    if (rc != LZMA_OK || (stream.avail_out > 0 && stream.avail_in == 0)) return damaged(path);
    if (content.size() >= kLargestModule) return damaged(path);
    content.resize(content.size() * 2);
  }
  content.resize(stream.total_out);
  return content;
}

Result<std::vector<std::byte>> unpack_gzip(Bytes packed, const std::string& path) {
  // The last four bytes are the size, modulo 2^32.
  const auto size =
      packed.size() < 18 ? std::nullopt : load_at<uint32_t>(packed, packed.size() - 4);
  if (!size || *size > kLargestModule) return damaged(path);
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!decompressor) return Error(Errc::no_memory, path + ": no memory to decompress it");
  std::vector<std::byte> content(*size);
  if (libdeflate_gzip_decompress(decompressor.get(), packed.data(), packed.size(), content.data(),
                                 content.size(), nullptr) != LIBDEFLATE_SUCCESS)
    return damaged(path);
  return content;
}

// RFC 8878, 3.1.1.1: the frame header says how large the content is, if the packer knew it.
std::optional<uint64_t> zstd_content_size(Bytes frame) {
  constexpr uint32_t kMagic = 0xfd2fb528;
  if (load_at<uint32_t>(frame, 0) != kMagic || frame.size() < 5) return std::nullopt;
  const auto descriptor = std::to_integer<unsigned>(frame[4]);
  const bool single_segment = (descriptor & 0x20) != 0;
  constexpr uint64_t kDictionaryBytes[] = {0, 1, 2, 4};
  const uint64_t at = 5 + (single_segment ? 0 : 1) + kDictionaryBytes[descriptor & 3];
  switch (descriptor >> 6) {
    case 0:
      if (!single_segment) return std::nullopt;
      return load_at<uint8_t>(frame, at);
    case 1:
      if (const auto size = load_at<uint16_t>(frame, at)) return *size + uint64_t{256};
      return std::nullopt;
    case 2:
      return load_at<uint32_t>(frame, at);
    default:
      return load_at<uint64_t>(frame, at);
  }
}

Result<std::vector<std::byte>> unpack_zstd(Bytes packed, const std::string& path) {
  const auto size = zstd_content_size(packed);
  if (!size || *size > kLargestModule)
    return Error(Errc::bad_input, path + ": not a zstd frame that says its size");
  KDUMP_TRY_ASSIGN(const auto decompressor, make_decompressor(Codec::zstd));
  std::vector<std::byte> content(*size);
  if (auto done = decompressor->decompress(packed, content); !done)
    return std::move(done).error().context(path);
  return content;
}

}  // namespace

Result<std::vector<std::byte>> read_module_file(const std::string& path) {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(path, kLargestModule));
  const Bytes bytes = as_bytes(text);
  if (path.ends_with(".xz")) return unpack_xz(bytes, path);
  if (path.ends_with(".gz")) return unpack_gzip(bytes, path);
  if (path.ends_with(".zst")) return unpack_zstd(bytes, path);
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

std::string unpacked_name(const std::string& path) {
  for (const std::string_view ending : {".xz", ".gz", ".zst"})
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

}  // namespace kdump
