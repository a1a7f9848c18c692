#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace kdump {

namespace {

// Levenshtein's distance, row by row.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> nearest_word(std::string_view wrong,
                                             std::span<const std::string_view> known) {
  constexpr size_t kLongestWord = 64;  // a line of binary junk is nobody's typing error
  if (wrong.size() > kLongestWord) return std::nullopt;
  size_t best = std::max<size_t>(wrong.size() / 3, 1) + 1;
  std::optional<std::string_view> word;
  for (const std::string_view candidate : known) {
    const size_t distance = edit_distance(wrong, candidate);
    if (distance < best) {
      best = distance;
      word = candidate;
    }
  }
  return word;
}

}  // namespace kdump
