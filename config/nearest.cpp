#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace kdump {

namespace {

// Letters put in, left out, replaced or swapped with their neighbour (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
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
