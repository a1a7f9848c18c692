#include "initramfs/capture_plan.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "config/action_names.h"

namespace kdump {

namespace {

constexpr size_t kLongestPlan = size_t{64} * 1024;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

// One word of a line: bare where that is unmistakable, else in double quotes with \" \\ and \xNN.
std::string quoted(std::string_view word) {
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

std::optional<std::vector<std::string>> split_words(std::string_view line) {
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

// Both ends are our own, yet the file decides what gets mounted and run as root.
std::optional<std::string> bad_device(const std::string& device) {
  for (const char* key : {"/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="})
    if (device.starts_with(key) && device.size() > std::string_view(key).size())
      return std::nullopt;
  return "not a device, UUID=, LABEL=, PARTUUID= or PARTLABEL=";
}

std::optional<std::string> bad_filesystem(const std::string& type) {
  const bool fine = !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (fine) return std::nullopt;
  return "not a file system type";
}

std::optional<std::string> bad_directory(const std::string& directory) {
  if (!directory.starts_with('/')) return "not an absolute path";
  if ((directory + '/').find("/../") != std::string::npos) return "leads upwards (..)";
  return std::nullopt;
}

std::optional<std::string> bad_naming(const std::string& naming) {
  if (naming.find("{time}") == std::string::npos) return "no {time} in it";
  if (naming.find('/') != std::string::npos) return "leads into a directory (/)";
  return std::nullopt;
}

std::optional<std::string> nothing_bad(const std::string& /*value*/) {
  return std::nullopt;
}

class PlanReader {
 public:
  PlanReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Result<CapturePlan> read() {
    if (text_.size() > kLongestPlan)
      return Error(Errc::bad_input, where_ + ": longer than " + std::to_string(kLongestPlan) +
                                        " bytes: not a capture plan");
    while (!text_.empty()) {
      ++line_;
      const size_t end = text_.find('\n');
      if (end == std::string_view::npos) return bad("cut short: the last line has no end");
      KDUMP_TRY(read_line(text_.substr(0, end)));
      text_.remove_prefix(end + 1);
    }
    for (const char* key :
         {"version", "device", "filesystem", "mount_options", "directory", "naming", "hostname",
          "core_collector", "failure_action", "final_action"})
      if (!seen(key)) return Error(Errc::bad_input, where_ + ": no line \"" + key + "\"");
    return std::move(plan_);
  }

 private:
  Error bad(const std::string& why) const {
    return {Errc::bad_input, where_ + ":" + std::to_string(line_) + ": " + why};
  }

  [[nodiscard]] bool seen(std::string_view key) const {
    return std::find(seen_.begin(), seen_.end(), key) != seen_.end();
  }

  Result<void> read_line(std::string_view line) {
    if (line.empty() || line.front() == '#') return {};
    auto words = split_words(line);
    if (!words || words->size() < 2) return bad("not \"key value\"");
    const std::string key = std::move(words->front());
    words->erase(words->begin());
    if (seen(key)) return bad("\"" + key + "\" is there twice");
    seen_.push_back(key);
    if (key == "core_collector") {
      if (!words->front().starts_with('/'))
        return bad("core_collector's program is not an absolute path");
      plan_.core_collector = std::move(*words);
      return {};
    }
    if (words->size() != 1) return bad("\"" + key + "\" takes one value");
    return read_value(key, std::move(words->front()));
  }

  Result<void> read_value(const std::string& key, std::string value) {
    if (key == "version") {
      if (value != "1") return bad("version " + value + ": this program reads version 1");
      return {};
    }
    if (key == "failure_action") {
      const auto action = value_in(kFailureActionNames, value);
      if (!action) return bad("no such failure_action: " + value);
      plan_.failure_action = *action;
      return {};
    }
    if (key == "final_action") {
      const auto action = value_in(kFinalActionNames, value);
      if (!action) return bad("no such final_action: " + value);
      plan_.final_action = *action;
      return {};
    }
    struct Text {
      std::string_view key;
      std::string CapturePlan::*member;
      std::optional<std::string> (*judge)(const std::string&);
      [[nodiscard]] std::string what(const std::string& value) const {
        return std::string(key).append(" \"").append(value).append("\": ");
      }
    };
    constexpr std::array kTexts = {
        Text{"device", &CapturePlan::device, bad_device},
        Text{"filesystem", &CapturePlan::filesystem, bad_filesystem},
        Text{"mount_options", &CapturePlan::mount_options, nothing_bad},
        Text{"directory", &CapturePlan::directory, bad_directory},
        Text{"naming", &CapturePlan::naming, bad_naming},
        Text{"hostname", &CapturePlan::hostname, nothing_bad},
    };
    for (const Text& text : kTexts) {
      if (key != text.key) continue;
      if (const auto why = text.judge(value)) return bad(text.what(value) + *why);
      plan_.*text.member = std::move(value);
      return {};
    }
    return bad("unknown key \"" + key + "\"");
  }

  std::string_view text_;
  const std::string& where_;
  unsigned line_ = 0;
  std::vector<std::string> seen_;
  CapturePlan plan_;
};

}  // namespace

std::string_view name_of(FailureAction action) {
  return name_in(kFailureActionNames, action);
}

std::string_view name_of(FinalAction action) {
  return name_in(kFinalActionNames, action);
}

std::string encode(const CapturePlan& plan) {
  std::string text =
      "# What kdump-capture does in the capture kernel. Made by kdumpctl: do not edit.\n";
  const auto line = [&text](std::string_view key, std::string_view value) {
    text.append(key).append(" ").append(quoted(value)).append("\n");
  };
  line("version", "1");
  line("device", plan.device);
  line("filesystem", plan.filesystem);
  line("mount_options", plan.mount_options);
  line("directory", plan.directory);
  line("naming", plan.naming);
  line("hostname", plan.hostname);
  text += "core_collector";
  for (const std::string& word : plan.core_collector)
    text.append(" ").append(quoted(word));
  text += "\n";
  line("failure_action", name_of(plan.failure_action));
  line("final_action", name_of(plan.final_action));
  return text;
}

Result<CapturePlan> decode_capture_plan(std::string_view text, const std::string& where) {
  return PlanReader(text, where).read();
}

}  // namespace kdump
