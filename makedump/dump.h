// From a vmcore to a dump, and from a vmcore to the kernel's log: the whole flow of data, stage by
// stage.
#pragma once

#include "makedump/job.h"
#include "makedump/summary.h"

namespace kdump {

// Job::Kind::dump. Writes job.output (and job.manifest, if asked for).
Result<Summary> run_dump(const Job& job);

// Job::Kind::dmesg. Writes job.output. What could be read of a damaged log is kept under the
// incomplete name.
Result<void> run_dmesg(const Job& job);

// Job::Kind::rearrange. Writes job.output from the flattened dump on stdin.
Result<void> run_rearrange(const Job& job);

}  // namespace kdump
