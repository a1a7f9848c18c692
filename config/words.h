// Small pieces of text that every parser of this folder takes apart in the same way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

inline constexpr std::string_view kBlanks = " \t\r\v\f";

// Without blanks (and newlines) at either end.
std::string_view trimmed(std::string_view text);

// At blanks and newlines; no quotes.
std::vector<std::string> split_words(std::string_view text);

// As POSIX shells split a line: blanks outside of '…' and "…", backslashes outside of '…'. Nothing
// is expanded. Nothing comes back when a quote is left open.
std::optional<std::vector<std::string>> split_quoted_words(std::string_view text);

// What split_quoted_words() takes for this one word again.
std::string quoted_word(std::string_view word);

// The directory `text` names, from "/", whether or not it begins with one, without "." and double
// slashes. Nothing if it holds "..": it is joined to a mount point at the crash, and must not be
// able to climb out of it.
std::optional<std::string> clean_path(std::string_view text);

// All of `text` as a decimal number, without sign.
std::optional<uint64_t> parse_number(std::string_view text);

std::string join_words(const std::vector<std::string>& words, std::string_view between = " ");

// 'text', for messages.
std::string in_quotes(std::string_view text);

// A byte that no setting holds: a control character other than a tab.
bool holds_control_character(std::string_view text);

// What a message may show of a text that can be anything: printable, and not endless.
std::string shown(std::string_view text);

}  // namespace kdump
