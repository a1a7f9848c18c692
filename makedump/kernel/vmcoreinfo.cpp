#include "makedump/kernel/vmcoreinfo.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace kdump {

namespace {

constexpr size_t kMaxTextBytes = size_t{64} << 10;  // one page, and that of the largest machines
constexpr uint64_t kSmallestPage = 4096, kLargestPage = uint64_t{256} << 10;
constexpr size_t kMaxReleaseBytes = 64;  // utsname.release

template <class T>
std::optional<T> parse_whole(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool strip_hex_prefix(std::string_view& text) {
  if (!text.starts_with("0x") && !text.starts_with("0X")) return false;
  text.remove_prefix(2);
  return true;
}

std::optional<uint64_t> parse_hex(std::string_view text) {
  (void)strip_hex_prefix(text);
  return parse_whole<uint64_t>(text, 16);
}

// Hexadecimal numbers are addresses (VMALLOC_START=0xff72…): they keep their bits.
std::optional<int64_t> parse_number(std::string_view text) {
  if (strip_hex_prefix(text)) {
    const auto bits = parse_whole<uint64_t>(text, 16);
    if (!bits) return std::nullopt;
    return static_cast<int64_t>(*bits);
  }
  return parse_whole<int64_t>(text, 10);
}

std::string key_of(std::string_view kind, std::string_view name) {
  std::string key;
  key.reserve(kind.size() + name.size() + 2);
  key.append(kind).append("(").append(name).append(")");
  return key;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// What a message quotes of a text that may hold anything.
std::string quoted(std::string_view text) {
  std::string out(text.substr(0, 40));
  for (char& c : out)
    if (c < ' ' || c >= '\x7f') c = '?';
  return "\"" + out + "\"";
}

// The number that `require_…` asked for, or what is wrong with its key.
template <class T>
Result<T> required(const VmcoreInfo& info, const std::string& key, std::optional<T> parsed) {
  if (parsed) return *parsed;
  const auto text = info.value(key);
  if (!text) return Error(Errc::bad_input, info.where() + ": no " + key);
  return Error(Errc::bad_input, info.where() + ": " + key + " is " + quoted(*text));
}

}  // namespace

Result<VmcoreInfo> VmcoreInfo::parse(std::string_view text, std::string where) {
  VmcoreInfo info;
  info.where_ = std::move(where);
  if (text.size() > kMaxTextBytes)
    return Error(Errc::bad_input, info.where_ + ": " + human_bytes(text.size()) +
                                      " are more than the " + human_bytes(kMaxTextBytes) +
                                      " of the largest page");
  info.text_ = text;
  // The kernel cuts entries that do not fit, and a crash may have damaged some: a line that is no
  // pair is passed over, and of two with the same key the first holds.
  std::string_view left = text.substr(0, text.find('\0'));
  while (!left.empty()) {
    const size_t end = std::min(left.find('\n'), left.size());
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    info.values_.emplace(line.substr(0, equals), line.substr(equals + 1));
  }

  const auto release = info.value("OSRELEASE");
  if (!release) return Error(Errc::bad_input, info.where_ + ": no OSRELEASE");
  if (release->empty() || release->size() > kMaxReleaseBytes || !is_printable(*release))
    return Error(Errc::bad_input, info.where_ + ": OSRELEASE is " + quoted(*release));
  const auto page_size = info.value("PAGESIZE");
  if (!page_size) return Error(Errc::bad_input, info.where_ + ": no PAGESIZE");
  const auto bytes = parse_whole<uint64_t>(*page_size, 10);
  if (!bytes || !std::has_single_bit(*bytes) || *bytes < kSmallestPage || *bytes > kLargestPage)
    return Error(Errc::bad_input, info.where_ + ": PAGESIZE is " + quoted(*page_size) +
                                      ", but pages are 4096, 8192 … 262144 bytes");
  info.page_size_.shift = static_cast<unsigned>(std::countr_zero(*bytes));
  return info;
}

std::optional<std::string_view> VmcoreInfo::value(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::optional<VirtAddr> VmcoreInfo::symbol(std::string_view name) const {
  const auto text = value(key_of("SYMBOL", name));
  if (!text) return std::nullopt;
  const auto address = parse_hex(*text);
  if (!address) return std::nullopt;
  return VirtAddr(*address);
}

std::optional<uint64_t> VmcoreInfo::size(std::string_view name) const {
  const auto text = value(key_of("SIZE", name));
  return text ? parse_whole<uint64_t>(*text, 10) : std::nullopt;
}

std::optional<uint64_t> VmcoreInfo::offset(std::string_view name) const {
  const auto text = value(key_of("OFFSET", name));
  return text ? parse_whole<uint64_t>(*text, 10) : std::nullopt;
}

std::optional<uint64_t> VmcoreInfo::length(std::string_view name) const {
  const auto text = value(key_of("LENGTH", name));
  return text ? parse_whole<uint64_t>(*text, 10) : std::nullopt;
}

std::optional<int64_t> VmcoreInfo::number(std::string_view name) const {
  const auto text = value(key_of("NUMBER", name));
  return text ? parse_number(*text) : std::nullopt;
}

Result<VirtAddr> VmcoreInfo::require_symbol(std::string_view name) const {
  return required(*this, key_of("SYMBOL", name), symbol(name));
}
Result<uint64_t> VmcoreInfo::require_size(std::string_view name) const {
  return required(*this, key_of("SIZE", name), size(name));
}
Result<uint64_t> VmcoreInfo::require_offset(std::string_view name) const {
  return required(*this, key_of("OFFSET", name), offset(name));
}
Result<int64_t> VmcoreInfo::require_number(std::string_view name) const {
  return required(*this, key_of("NUMBER", name), number(name));
}

}  // namespace kdump
