// Durations and sizes as people write them: 90s, 10min, 20GiB.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kdump {

// A whole number and s, min, h or d, or 0 alone. At most ten years.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

// A whole number of bytes, or of KiB MiB GiB TiB (also K M G T), or of kB MB GB TB (powers of
// 1000).
std::optional<uint64_t> parse_size(std::string_view text);

// In the largest unit that keeps the number whole; what the two functions above read.
std::string to_text(std::chrono::seconds duration);
std::string size_text(uint64_t bytes);

}  // namespace kdump
