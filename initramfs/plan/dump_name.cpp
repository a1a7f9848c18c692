#include "initramfs/plan/dump_name.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kdump {

namespace {

constexpr size_t kLongestName = 200;  // file systems take 255, and "-999" may follow
constexpr size_t kLongestTestId = 40;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Anybody who handles dumps does so in a shell.
bool is_harmless(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
         std::string_view("._:@+-").find(c) != std::string_view::npos;
}

std::string time_stamp(time_t now, bool colons) {
  tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  (void)std::strftime(text.data(), text.size(), colons ? "%Y-%m-%d-%T" : "%Y-%m-%d-%H-%M-%S", &utc);
  return text.data();
}

}  // namespace

std::string dump_directory_name(const DumpName& name, time_t now) {
  const std::array<std::pair<std::string_view, std::string>, 3> words = {{
      {"{ip}", name.ip},
      {"{hostname}", name.hostname},
      {"{time}", time_stamp(now, name.colons)},
  }};
  std::string out;
  for (std::string_view rest = name.pattern; !rest.empty();) {
    const auto word = std::find_if(words.begin(), words.end(), [rest](const auto& candidate) {
      return rest.starts_with(candidate.first);
    });
    if (word == words.end()) {
      out += rest.front();
      rest.remove_prefix(1);
    } else {
      out += word->second;
      rest.remove_prefix(word->first.size());
    }
  }
  out.resize(std::min(out.size(), kLongestName));
  for (char& c : out)
    if (!is_harmless(c) || (c == ':' && !name.colons)) c = '_';
  // Hidden, or taken for an option by whoever types it.
  if (out.empty() || out.front() == '.' || out.front() == '-') out.insert(out.begin(), '_');
  return out;
}

std::optional<std::string> test_directory_name(std::string_view kernel_command_line) {
  constexpr std::string_view kParameter = "kdump_test_id=";
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
  for (size_t at = 0; (at = kernel_command_line.find(kParameter, at)) != std::string_view::npos;
       at += kParameter.size()) {
    if (at > 0 && !is_blank(kernel_command_line[at - 1])) continue;
    const std::string_view rest = kernel_command_line.substr(at + kParameter.size());
    const auto end = std::find_if(rest.begin(), rest.end(), is_blank);
    const std::string id(rest.begin(), end);
    if (id.empty() || id.size() > kLongestTestId) continue;
    if (!std::all_of(id.begin(), id.end(), [](char c) { return is_digit(c) || c == '-'; }))
      continue;
    return "kdump-test-" + id;
  }
  return std::nullopt;
}

}  // namespace kdump
