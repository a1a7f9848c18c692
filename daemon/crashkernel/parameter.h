// The kernel's crashkernel= parameter: read as the kernel reads it, and how much a machine with so
// much memory reserves by it.
//
//   size[@offset]                          1G-4G:192M,4G-:256M[@offset]     by size of the memory
//   size,high   size,low   size,cma        auto, which RHEL 8's kernels replace by a table
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct CrashkernelRange {
  uint64_t begin = 0;
  std::optional<uint64_t> end;  // bytes; nothing: no upper end
  uint64_t size = 0;            // bytes to reserve when the memory is in [begin, end)
};

// The value of one parameter.
struct CrashkernelValue {
  enum class Place {
    any,   // below 4 GiB if there is room
    high,  // anywhere
    low,   // below 4 GiB, beside a `high` one
    cma,   // beside another one, lent to user pages until the crash
  } place = Place::any;
  bool by_ranges = false;                // else `ranges` has one that holds every size
  std::vector<CrashkernelRange> ranges;  // none for "auto"
  std::optional<uint64_t> offset;        // physical address
  [[nodiscard]] bool automatic() const { return ranges.empty(); }
};

// The error names the place: "crashkernel=1G-:: character 4: …".
Result<CrashkernelValue> parse_crashkernel(std::string_view value);

// As the kernel's documentation spells it; the largest unit that is exact ("1G", "1088M").
std::string to_string(const CrashkernelValue& value);
std::string crashkernel_size(uint64_t bytes);

// Bytes that a machine with `ram` bytes reserves by this value alone; nothing for "auto". 0 when no
// range holds it.
std::optional<uint64_t> reservation(const CrashkernelValue& value, uint64_t ram);

// The values of all crashkernel= of a command line, in order.
std::vector<std::string> crashkernel_values(std::string_view command_line);

// What a whole command line reserves: the last plain one, or else the last `high` one with its
// `low` one, and the last `cma` one. usage for what the kernel would not take, too.
struct Reservation {
  uint64_t main = 0, low = 0, cma = 0;  // bytes
  [[nodiscard]] uint64_t total() const { return main + low + cma; }
};
Result<Reservation> reservation_of(const std::vector<std::string>& values, uint64_t ram);

}  // namespace kdump
