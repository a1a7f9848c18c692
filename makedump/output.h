// What every job with an output does before it writes the first byte.
#pragma once

#include <memory>

#include "makedump/job.h"
#include "makedump/sink/sink.h"

namespace kdump {

// -f would replace what may be the only vmcore by what is left of it.
Result<void> refuse_same_file(const Job& job);

// The file, or stdout in the flattened form.
Result<std::unique_ptr<Sink>> open_output(const Job& job);

// --room is less than the dump may need.
Error too_big(const Job& job, uint64_t needed);

}  // namespace kdump
