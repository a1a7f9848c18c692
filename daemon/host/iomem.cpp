#include "daemon/host/iomem.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::vector<PhysRange> iomem_regions(const HostPaths& paths, std::string_view name) {
  std::vector<PhysRange> regions;
  const auto text = read_text_file(paths.iomem(), size_t{16} << 20);
  if (!text) return regions;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // "  2a000000-35ffffff : Crash kernel"
    const size_t colon = line.find(" : ");
    if (colon == std::string_view::npos || line.substr(colon + 3) != name) continue;
    const size_t begin = std::min(line.find_first_not_of(' '), colon);
    const size_t dash = line.find('-');
    if (dash == std::string_view::npos || dash < begin || dash > colon) continue;
    const auto first = parse_hex(line.substr(begin, dash - begin));
    const auto last = parse_hex(line.substr(dash + 1, colon - dash - 1));
    if (first && last && *last > *first) regions.push_back({PhysAddr(*first), PhysAddr(*last) + 1});
  }
  return regions;
}

}  // namespace kdump
