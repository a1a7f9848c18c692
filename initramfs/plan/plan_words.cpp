#include "initramfs/plan/plan_words.h"

#include <algorithm>

namespace kdump {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads the quoted word whose opening quote is at text[at]; leaves `at` behind the closing one.
std::optional<std::string> unquoted(std::string_view text, size_t& at) {
  std::string word;
  for (++at; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      ++at;
      return word;
    }
    if (c != '\\') {
      word += c;
      continue;
    }
    if (++at == text.size()) return std::nullopt;
    if (text[at] == '"' || text[at] == '\\') {
      word += text[at];
    } else if (text[at] == 'x' && at + 2 < text.size()) {
      const int high = hex_digit(text[at + 1]);
      const int low = hex_digit(text[at + 2]);
      if (high < 0 || low < 0 || high + low == 0) return std::nullopt;  // NUL cannot be in an argv
      word += static_cast<char>(high * 16 + low);
      at += 2;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string plan_word(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  std::string out = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char kDigits[] = "0123456789abcdef";
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::optional<std::vector<std::string>> words_of_plan_line(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at < line.size()) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    if (line[at] == '"') {
      auto word = unquoted(line, at);
      if (!word || (at < line.size() && line[at] != ' ')) return std::nullopt;
      words.push_back(std::move(*word));
      continue;
    }
    const size_t begin = at;
    while (at < line.size() && line[at] != ' ') {
      if (!is_plain(line[at])) return std::nullopt;
      ++at;
    }
    words.emplace_back(line.substr(begin, at - begin));
  }
  return words;
}

void add_word(std::vector<std::string>& words, std::string_view key, const std::string& value) {
  if (!value.empty()) words.push_back(std::string(key) + "=" + value);
}

std::vector<std::string> values_of_word(const std::vector<std::string>& words,
                                        std::string_view key) {
  std::vector<std::string> values;
  for (const std::string& word : words)
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
      values.push_back(word.substr(key.size() + 1));
  return values;
}

std::string value_of_word(const std::vector<std::string>& words, std::string_view key) {
  const std::vector<std::string> values = values_of_word(words, key);
  return values.empty() ? "" : values.front();
}

}  // namespace kdump
