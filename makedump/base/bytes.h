// Spans of bytes, and reading integers of either byte order out of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace kdump {

using Bytes = std::span<const std::byte>;
using MutBytes = std::span<std::byte>;

// Of the dead kernel's machine: any host can filter any dump.
enum class ByteOrder { little, big };

template <class T>
[[nodiscard]] constexpr T byte_swapped(T value) {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

// Unaligned load of an unsigned integer. The caller has checked that sizeof(T) bytes are there.
template <class T>
[[nodiscard]] inline T load(const std::byte* from, ByteOrder order = ByteOrder::little) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if (order == ByteOrder::big) value = byte_swapped(value);
  return value;
}

// The same out of a span; nothing if it does not hold that many bytes at `offset`.
template <class T>
[[nodiscard]] inline std::optional<T> load_at(Bytes bytes, uint64_t offset,
                                              ByteOrder order = ByteOrder::little) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  return load<T>(bytes.data() + offset, order);
}

template <class T>
inline void store(std::byte* to, T value, ByteOrder order = ByteOrder::little) {
  static_assert(std::is_unsigned_v<T>);
  if (order == ByteOrder::big) value = byte_swapped(value);
  std::memcpy(to, &value, sizeof(T));
}

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace kdump
