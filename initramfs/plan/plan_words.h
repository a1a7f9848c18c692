// Lines of words: how the capture plan is written, so that any text comes back as it was.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

// One word of a line: bare where that is unmistakable, else in double quotes with \" \\ and \xNN.
std::string plan_word(std::string_view word);

// Nothing if the line is not made of such words.
std::optional<std::vector<std::string>> words_of_plan_line(std::string_view line);

// Words "key=value", in any order: what is not there is empty, or 0, and is not written.
void add_word(std::vector<std::string>& words, std::string_view key, const std::string& value);
std::string value_of_word(const std::vector<std::string>& words, std::string_view key);
std::vector<std::string> values_of_word(const std::vector<std::string>& words,
                                        std::string_view key);
template <typename Number>
Number number_of_word(const std::vector<std::string>& words, std::string_view key) {
  const std::string text = value_of_word(words, key);
  Number number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace kdump
