// Running a program as a child: what it says is passed on, whether it still works is watched, and
// how it ended is told in words.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

struct ChildOptions {
  std::vector<std::string> argv;  // argv[0] is the path
  // Grows while what the child is for moves: bytes written. Empty: nothing to be seen of it.
  std::function<uint64_t()> bytes_moved;
  // Killed when no byte was moved and no CPU time used for this long, …
  std::chrono::seconds stall_limit{600};
  // … or when it only computed: a huge machine's page array takes minutes, not this long.
  std::chrono::seconds silent_limit{3600};
  // Killed after so long, whatever it does; 0: not.
  std::chrono::seconds time_limit{0};
  std::vector<std::string> environment;  // "NAME=value"; empty: ours
  // A process group of its own, without our stdin: when it is killed, what it has started is killed
  // as well. Else it belongs to our group.
  bool apart = false;
  std::function<void(const std::string&)> on_line;  // each line of its stdout and stderr
  // Takes its stdout instead, in order, as bytes; on_line then gets stderr only. An error ends the
  // child.
  std::function<Result<void>(Bytes)> on_output;
  std::function<void()> on_tick;  // about once a second
};

struct ChildEnd {
  int status = -1;       // exit status; -1 if it did not exit by itself
  bool stalled = false;  // it was given up
  bool refused = false;  // on_output failed: `error` is that
  std::string error;     // its last line of output and how it ended; "" for exit status 0
  double seconds = 0;
  uint64_t peak_memory_kib = 0;

  [[nodiscard]] bool ok() const { return error.empty(); }
};

ChildEnd run_child(const ChildOptions& options);

// Sizes and blocks of all files in a directory: grows with every write, also where a file got its
// final size at once.
uint64_t bytes_in(const std::string& directory);

}  // namespace kdump
