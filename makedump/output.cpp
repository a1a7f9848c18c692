#include "makedump/output.h"

#include <filesystem>
#include <unistd.h>

#include "makedump/sink/stream_sink.h"

namespace kdump {

Result<void> refuse_same_file(const Job& job) {
  std::error_code not_there;
  if (!job.flattened && std::filesystem::equivalent(job.vmcore, job.output, not_there))
    return Error(Errc::usage, job.output + ": is the vmcore itself; write to another file");
  return {};
}

Result<std::unique_ptr<Sink>> open_output(const Job& job) {
  if (!job.flattened) return open_file_sink(job.output, {.overwrite = job.overwrite});
  if (::isatty(STDOUT_FILENO) == 1)
    return Error(Errc::usage, "-F: stdout is a terminal; redirect it");
  return make_stream_sink(Fd(::dup(STDOUT_FILENO)), job.output);
}

Error too_big(const Job& job, uint64_t needed) {
  return {Errc::too_big, job.output + ": there is room for " + human_bytes(*job.room) +
                             ", and the dump may need " + human_bytes(needed)};
}

}  // namespace kdump
