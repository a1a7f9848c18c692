// The flattened form of a dump, for targets that only take a stream: pieces of the file, each with
// the offset where it belongs. Big-endian on every machine. makedumpfile -F made it up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "makedump/base/bytes.h"

namespace kdump {

struct FlattenedHeader {
  static constexpr size_t kEncodedSize = 4096;  // zeros behind what is said
  static constexpr size_t kTypeOffset = 16, kVersionOffset = 24;
  static constexpr char kSignature[] = "makedumpfile";
  static constexpr uint64_t kType = 1, kVersion = 1;
};

// The header is there, and of the version that is known.
bool is_flattened_header(Bytes header);

struct FlattenedPiece {
  static constexpr size_t kEncodedSize = 16;
  static constexpr uint64_t kEnd = ~uint64_t{0};  // offset and size of the piece that ends it

  uint64_t offset = 0;
  uint64_t size = 0;  // bytes that follow

  [[nodiscard]] bool is_end() const { return offset == kEnd && size == kEnd; }
  [[nodiscard]] std::array<std::byte, kEncodedSize> encoded() const;
};

std::array<std::byte, FlattenedHeader::kEncodedSize> encoded_flattened_header();

// Nothing if the bytes are not enough.
std::optional<FlattenedPiece> decode_flattened_piece(Bytes bytes);

}  // namespace kdump
