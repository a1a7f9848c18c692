// The crashes that were saved, as their directories on the targets tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

struct Capture {
  std::string id;         // name of its directory: "127.0.0.1-2026-11-23-21:27:35"
  std::string directory;  // its path on this host
  int64_t at = 0;         // of the capture, seconds since 1970
  enum class State {
    complete,    // vmcore is there under its final name
    incomplete,  // only vmcore-incomplete: cut short, readable up to there
    dmesg_only,
  } state = State::dmesg_only;
  uint64_t bytes = 0;  // of all its files
  // From vmcore.json; "" or 0 where there is none.
  std::string kernel_release, panic, target;
  int64_t crashed_at = 0;
  uint64_t peak_memory_kib = 0;
  uint64_t dump_bytes = 0;
  double seconds = 0;
};

// Those that can be reached from the running system (mounted file systems), newest first. Hooks'
// and other programs' directories are left out. Problems do not end it: they are returned as
// sentences in `problems`.
std::vector<Capture> find_captures(const Settings& settings, std::vector<std::string>& problems);

}  // namespace kdump
