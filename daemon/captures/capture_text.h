// Captures in words and columns, for people and for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/captures/captures.h"

namespace kdump {

// "2026-11-23 21:27:35", local time.
std::string time_text(int64_t at);

// At most `longest` bytes, all of printable ASCII; '?' stands for the rest.
std::string printable(std::string_view text, size_t longest);

// A head and a line for each, '\n' behind each line; "" for none.
std::string captures_table(const std::vector<Capture>& captures);

// {"captures": [...], "problems": [...]}, each capture with its manifest where it has one.
std::string captures_json(const std::vector<Capture>& captures,
                          const std::vector<std::string>& problems);

// What is known of one of them without its manifest.
std::string capture_text(const Capture& capture);

}  // namespace kdump
