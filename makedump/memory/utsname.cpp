#include "makedump/memory/utsname.h"

#include <algorithm>
#include <array>
#include <string>

namespace kdump {

namespace {

constexpr size_t kFieldBytes = 65, kFields = 6;  // struct new_utsname
constexpr std::string_view kSysname("Linux\0", 6);
// struct uts_namespace begins with a reference count, or (since 9a56493f6942) with the name itself.
constexpr size_t kSearchBytes = 64;

// The text of a field: until its NUL; nothing if that is missing or before it is anything but text.
std::string field_text(Bytes names, size_t index) {
  const std::string_view field = as_text(names.subspan(index * kFieldBytes, kFieldBytes));
  const size_t end = field.find('\0');
  if (end == std::string_view::npos) return {};
  const std::string_view text = field.substr(0, end);
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c == '\x7f'; }))
    return {};
  return std::string(text);
}

// Empty when it can't be found.
Utsname read_names(AddressSpace& memory, const VmcoreInfo& info) {
  const auto symbol = info.symbol("init_uts_ns");
  if (!symbol) return {};
  std::array<std::byte, kFieldBytes * kFields> names{};
  if (const auto offset = info.offset("uts_namespace.name")) {
    if (*offset > kSearchBytes || !memory.read(*symbol + *offset, names)) return {};
  } else {
    // The key came with ca4a9241cc5e; 4.18 has none.
    std::array<std::byte, kSearchBytes> start{};
    if (!memory.read(*symbol, start)) return {};
    const size_t at = as_text(start).find(kSysname);
    if (at == std::string_view::npos || !memory.read(*symbol + at, names)) return {};
  }
  Utsname names_read;
  names_read.sysname = field_text(names, 0);
  names_read.nodename = field_text(names, 1);
  names_read.release = field_text(names, 2);
  names_read.version = field_text(names, 3);
  names_read.machine = field_text(names, 4);
  names_read.domainname = field_text(names, 5);
  return names_read;
}

}  // namespace

Utsname read_utsname(AddressSpace& memory, const VmcoreInfo& info) {
  Utsname names = read_names(memory, info);
  if (names.sysname.empty()) names.sysname = "Linux";
  if (names.release.empty()) names.release = info.osrelease();
  if (names.version.empty()) names.version = "#1";
  if (names.machine.empty()) names.machine = memory.arch().name();
  return names;
}

}  // namespace kdump
