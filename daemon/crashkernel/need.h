// How much memory a capture of this host needs, and why: the number that `status`, `estimate` and
// the dry-run test hold against what crashkernel= took.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/captures/captures.h"
#include "daemon/host/host.h"
#include "makedump/base/result.h"

namespace kdump {

struct MemoryNeed {
  struct Part {
    std::string what;    // "kernel", "capture image", …
    uint64_t bytes = 0;  // while the dump is written
    std::string source;  // where the number is from: a file, a capture, or that it is assumed
  };

  uint64_t reserved = 0;  // bytes that crashkernel= took; 0 for nothing
  uint64_t needed = 0;    // bytes: the sum of `parts`
  std::vector<Part> parts;
  // The capture whose measured peak is in the sum; "" when no capture has told one yet.
  std::string measured_in;

  [[nodiscard]] bool enough() const { return reserved >= needed; }
  // "107.9 MiB needed (kernel 63.6 MiB, capture image 14.5 MiB, …)"
  [[nodiscard]] std::string describe() const;
};

// For the running kernel and the capture image that is there. `captures`: of find_captures(), for
// what they measured. not_found without a kernel or a capture image.
Result<MemoryNeed> needed_memory(const Host& host, const std::vector<Capture>& captures);

}  // namespace kdump
