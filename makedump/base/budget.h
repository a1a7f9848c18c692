// How much memory a dump may take: the capture kernel has a few dozen MiB and no swap.
#pragma once

#include <cstdint>
#include <optional>

namespace kdump {

struct Budget {
  uint64_t bytes = 0;  // for buffers of ours, all reserved before the first byte is written
  unsigned cpus = 1;   // CPUs that this process may run on (sched_getaffinity)

  // From /proc/meminfo's MemAvailable, less a reserve for the kernel's own writeback. Never below a
  // floor with which the smallest configuration (one thread, one window) works; never above a cap
  // past which more does not help.
  static Budget from_system();
};

// /proc/meminfo's MemAvailable, in KiB; nothing where there is no /proc.
std::optional<uint64_t> available_memory_kib();

// This process's peak resident memory so far, in KiB (VmHWM); 0 if /proc is not there.
uint64_t peak_memory_kib();

}  // namespace kdump
