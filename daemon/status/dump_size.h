// How big a dump of this host would be if it crashed now. docs/status.md tells people how it is
// worked out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/captures/captures.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

// What the core_collector line asks the dumper for.
struct CollectorOptions {
  unsigned level = 0;          // makedumpfile's -d
  std::string codec = "none";  // none zlib lzo snappy zstd
};
// `argv` as Settings::core_collector has it: one option to an element.
CollectorOptions collector_options(const std::vector<std::string>& argv);

struct DumpSize {
  CollectorOptions options;
  uint64_t memory = 0;   // bytes of memory that the dump describes
  uint64_t pages = 0;    // bytes of it that the level keeps, with memory used as it is now
  double ratio = 1;      // what `pages` shrink to
  std::string ratio_of;  // where `ratio` is from: a capture's id, or "" for an assumption
  uint64_t likely = 0;   // bytes of the file
  uint64_t at_most = 0;  // if no page can be compressed
};

// From /proc/meminfo, and /proc/iomem where it may be read; `captures` (newest first) for what
// compression did to a dump of the same kind. The error says what cannot be read.
Result<DumpSize> predict_dump_size(const HostPaths& paths, const Settings& settings,
                                   const std::vector<Capture>& captures);

}  // namespace kdump
