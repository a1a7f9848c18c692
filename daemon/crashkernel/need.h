// How much memory a capture of this host needs, and why: the number that `status`, `estimate` and
// the dry-run test hold against what crashkernel= took.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/captures/captures.h"
#include "daemon/host/host.h"
#include "initramfs/plan/capture_plan.h"
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
  // The newest capture that told what it took; "" when none has yet. `peak`, of its makedump, is
  // in the sum; `left` of the memory was never used while it saved (0: not known).
  std::string measured_in;
  uint64_t peak = 0, left = 0;

  struct Module {
    std::string name;
    uint64_t bytes = 0;  // of its file
  };
  std::vector<Module> modules;  // in the image; empty when it cannot be looked into

  [[nodiscard]] bool enough() const { return reserved >= needed; }
  // "107.9 MiB needed (kernel 63.6 MiB, capture image 14.5 MiB, …)"
  [[nodiscard]] std::string describe() const;
};

// What is needed beside kernel, image and makedump while such a plan is followed. Nothing: it is
// not known what will be done.
std::vector<MemoryNeed::Part> needed_at_work(const std::optional<CapturePlan>& plan);

// For the running kernel and the capture image that is there. `captures`: of find_captures(), for
// what they measured. not_found without a kernel or a capture image.
Result<MemoryNeed> needed_memory(const Host& host, const std::vector<Capture>& captures);

// RHEL's way to the same question, for what reads its output: the default for this much memory, or
// kernel + modules + 3 × image + 16 MiB + what unlocking LUKS takes, whichever is more. All bytes.
struct RhelEstimate {
  uint64_t kernel = 0, modules = 0, image = 0, runtime = 0;
  uint64_t luks = 0;  // 0 unless a target stands on a volume whose key has to be derived
  uint64_t recommended = 0;
};
Result<RhelEstimate> rhel_estimate(const Host& host, const MemoryNeed& need,
                                   const Settings& settings);

}  // namespace kdump
