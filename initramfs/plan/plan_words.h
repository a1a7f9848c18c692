// Lines of words: how the capture plan is written, so that any text comes back as it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

// One word of a line: bare where that is unmistakable, else in double quotes with \" \\ and \xNN.
std::string plan_word(std::string_view word);

// Nothing if the line is not made of such words.
std::optional<std::vector<std::string>> words_of_plan_line(std::string_view line);

}  // namespace kdump
