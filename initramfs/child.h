// Running makedump as a child: what it says is passed on, whether it still works is watched, and
// how it ended is told in words.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct ChildOptions {
  std::vector<std::string> argv;  // argv[0] is the path
  // Grows while the child writes; the dump directory, of which all files are added up.
  std::string output_directory;
  // Killed when nothing was written and no CPU time used for this long, …
  std::chrono::seconds stall_limit{600};
  // … or when it only computed: a huge machine's page array takes minutes, not this long.
  std::chrono::seconds silent_limit{3600};
  std::function<void(const std::string&)> on_line;  // each line of its stdout and stderr
  std::function<void()> on_tick;                    // about once a second
};

struct ChildUsage {
  double seconds = 0;
  uint64_t peak_memory_kib = 0;
};

// Success is exit status 0. The error is its last line of output and how it ended.
Result<ChildUsage> run_child(const ChildOptions& options);

}  // namespace kdump
