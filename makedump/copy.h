// The last rung: the vmcore as it is. Needs nothing but bytes that can be read.
#pragma once

#include <cstdint>

#include "makedump/job.h"

namespace kdump {

struct CopyReport {
  uint64_t bytes = 0;       // of the vmcore
  uint64_t written = 0;     // what was not zeros
  uint64_t unreadable = 0;  // bytes that became zeros
};

Result<CopyReport> run_copy(const Job& job);

}  // namespace kdump
