// The core_collector line of kdump.conf: which program writes the dump, and how.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

inline constexpr std::string_view kDefaultCoreCollector = "makedumpfile -l --message-level 7 -d 31";

struct CoreCollector {
  // argv. Of "makedumpfile" and "makedump", which both mean this project's makedump: options one to
  // an element, each value after its option, whatever way they were written. Of another program:
  // its words.
  std::vector<std::string> arguments;
  // -F was among them, and is in `arguments` no more: whether a dump is flattened is up to each
  // target, and whoever writes to one that needs it (ssh, raw) adds it.
  bool flattened = false;
  std::vector<std::string> warnings;  // of options that are dropped; without file and line

  [[nodiscard]] bool is_makedump() const;
};

// Splits and checks the line. The error has no file and line yet.
Result<CoreCollector> parse_core_collector(std::string_view line);

// "scp" of "/usr/bin/scp".
std::string_view program_name(std::string_view program);

}  // namespace kdump
