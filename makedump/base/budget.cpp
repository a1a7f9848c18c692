#include "makedump/base/budget.h"

#include <algorithm>
#include <charconv>
#include <sched.h>
#include <string>
#include <string_view>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

// "MemAvailable:    1234 kB" → 1234
std::optional<uint64_t> kib_field(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t:"), text.size()));
  uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

constexpr uint64_t kMiB = uint64_t{1} << 20;

}  // namespace

Budget Budget::from_system() {
  Budget budget;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
    budget.cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));

  // Half of what is free: page cache of the file being written and the kernel's slabs grow
  // meanwhile.
  const uint64_t available = available_memory_kib().value_or(16 * kMiB / 1024) * 1024;
  budget.bytes = std::clamp(available / 2, 4 * kMiB, 256 * kMiB);
  return budget;
}

std::optional<uint64_t> available_memory_kib() {
  const auto text = read_text_file("/proc/meminfo");
  return text ? kib_field(*text, "MemAvailable") : std::nullopt;
}

uint64_t peak_memory_kib() {
  const auto text = read_text_file("/proc/self/status");
  if (!text) return 0;
  return kib_field(*text, "VmHWM").value_or(0);
}

}  // namespace kdump
