// Lines of words: how the capture plan is written, so that any text comes back as it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

// One word of a line: bare where that is unmistakable, else in double quotes with \" \\ and \xNN.
std::string quoted_word(std::string_view word);

// Nothing if the line is not made of such words.
std::optional<std::vector<std::string>> split_words(std::string_view line);

}  // namespace kdump
