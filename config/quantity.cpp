#include "config/quantity.h"

#include <algorithm>

#include "config/words.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

struct Scale {
  std::string_view word;
  uint64_t factor;
};

// Largest first, as they are tried for output.
constexpr Scale kTimes[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
constexpr Scale kSizes[] = {
    {"TiB", uint64_t{1} << 40},
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
    {"T", uint64_t{1} << 40},
    {"G", uint64_t{1} << 30},
    {"M", uint64_t{1} << 20},
    {"K", uint64_t{1} << 10},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1000},
    {"B", 1},
    {"", 1},
};

template <size_t N>
std::optional<uint64_t> scaled(std::string_view text, const Scale (&scales)[N]) {
  text = trimmed(text);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  const std::string_view unit = trimmed(text.substr(digits));
  for (const Scale& scale : scales)
    if (scale.word == unit) return checked_mul(*number, scale.factor);
  return std::nullopt;
}

template <size_t N>
std::string in_largest_unit(uint64_t number, const Scale (&scales)[N], size_t units) {
  for (size_t i = 0; i < units; ++i)
    if (number % scales[i].factor == 0)
      return std::to_string(number / scales[i].factor) + std::string(scales[i].word);
  return std::to_string(number);
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr uint64_t kLongest = uint64_t{10} * 366 * 86400;
  if (trimmed(text) == "0") return std::chrono::seconds(0);
  const auto seconds = scaled(text, kTimes);
  if (!seconds || *seconds > kLongest) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  return scaled(text, kSizes);
}

std::string to_text(std::chrono::seconds duration) {
  if (duration.count() == 0) return "0";
  return in_largest_unit(static_cast<uint64_t>(duration.count()), kTimes, 4);
}

std::string size_text(uint64_t bytes) {
  return bytes == 0 ? "0" : in_largest_unit(bytes, kSizes, 4);
}

}  // namespace kdump
