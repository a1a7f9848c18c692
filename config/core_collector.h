// The core_collector line of kdump.conf: which program writes the dump, and how.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

inline constexpr std::string_view kDefaultCoreCollector = "makedumpfile -l --message-level 7 -d 31";

// Splits and checks the line. "makedumpfile" and "makedump" both mean this project's makedump.
// Options come back one to an element, each value after its option, whatever way they were written.
// The error has no file and line yet.
Result<std::vector<std::string>> parse_core_collector(std::string_view line);

}  // namespace kdump
