#include "makedump/format/flattened.h"

#include <cstring>
#include <string_view>

namespace kdump {

bool is_flattened_header(Bytes header) {
  // With its NUL: the field has room for more.
  constexpr std::string_view kSignature(FlattenedHeader::kSignature,
                                        sizeof(FlattenedHeader::kSignature));
  if (header.size() < FlattenedHeader::kEncodedSize) return false;
  if (!as_text(header).starts_with(kSignature)) return false;
  return load_at<uint64_t>(header, FlattenedHeader::kTypeOffset, ByteOrder::big) ==
             FlattenedHeader::kType &&
         load_at<uint64_t>(header, FlattenedHeader::kVersionOffset, ByteOrder::big) ==
             FlattenedHeader::kVersion;
}

std::array<std::byte, FlattenedHeader::kEncodedSize> encoded_flattened_header() {
  std::array<std::byte, FlattenedHeader::kEncodedSize> header{};
  std::memcpy(header.data(), FlattenedHeader::kSignature, sizeof(FlattenedHeader::kSignature));
  store(header.data() + FlattenedHeader::kTypeOffset, FlattenedHeader::kType, ByteOrder::big);
  store(header.data() + FlattenedHeader::kVersionOffset, FlattenedHeader::kVersion, ByteOrder::big);
  return header;
}

std::array<std::byte, FlattenedPiece::kEncodedSize> FlattenedPiece::encoded() const {
  std::array<std::byte, kEncodedSize> bytes{};
  store(bytes.data(), offset, ByteOrder::big);
  store(bytes.data() + 8, size, ByteOrder::big);
  return bytes;
}

std::optional<FlattenedPiece> decode_flattened_piece(Bytes bytes) {
  const auto offset = load_at<uint64_t>(bytes, 0, ByteOrder::big);
  const auto size = load_at<uint64_t>(bytes, 8, ByteOrder::big);
  if (!offset || !size) return std::nullopt;
  return FlattenedPiece{*offset, *size};
}

}  // namespace kdump
