#include "daemon/crashkernel/boot_entry.h"

#include <array>

namespace kdump {

namespace {

struct Token {
  size_t begin, end;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}

// Words between blanks; double quotes hold blanks together, as for the kernel. A backslash before
// a quote, as in a shell string, changes nothing of that.
std::vector<Token> tokens_of(std::string_view line) {
  std::vector<Token> tokens;
  bool quoted = false;
  size_t begin = std::string_view::npos;
  for (size_t at = 0; at <= line.size(); ++at) {
    const bool ends = at == line.size() || (is_blank(line[at]) && !quoted);
    if (ends) {
      if (begin != std::string_view::npos) tokens.push_back({begin, at});
      begin = std::string_view::npos;
      continue;
    }
    if (begin == std::string_view::npos) begin = at;
    if (line[at] == '"') quoted = !quoted;
  }
  return tokens;
}

bool is_called(std::string_view token, std::string_view name) {
  return token == name || (token.starts_with(name) && token[name.size()] == '=');
}

std::string edit_parameter(std::string_view line, const ParameterEdit& edit) {
  const std::string wanted = edit.value ? edit.name + "=" + *edit.value : std::string();
  std::string out;
  size_t copied = 0;
  bool placed = !edit.value;
  for (const Token& token : tokens_of(line)) {
    if (!is_called(line.substr(token.begin, token.end - token.begin), edit.name)) continue;
    if (!placed) {
      out.append(line.substr(copied, token.begin - copied)).append(wanted);
      placed = true;
    } else {  // with the blank that parted it from its neighbour
      std::string_view before = line.substr(copied, token.begin - copied);
      const bool was_first = out.empty() && before.find_first_not_of(" \t") == before.npos;
      if (!before.empty() && !was_first) before.remove_suffix(1);
      out.append(before);
      copied = token.end;
      if (was_first && copied < line.size() && is_blank(line[copied])) ++copied;
      continue;
    }
    copied = token.end;
  }
  out.append(line.substr(copied));
  if (placed) return out;
  // Before blanks at the end.
  const size_t last = out.find_last_not_of(" \t\n");
  const size_t end = last == std::string::npos ? 0 : last + 1;
  return out.substr(0, end) + (end == 0 ? "" : " ") + wanted + out.substr(end);
}

}  // namespace

std::string BootEntry::describe() const {
  std::string text = "kernel=" + kernel;
  if (!index.empty())
    text += ", grub entry index=" + index;
  else if (!id.empty())
    text += ", boot entry " + id;
  return text;
}

std::string release_of_kernel(std::string_view kernel) {
  const size_t slash = kernel.rfind('/');
  const std::string_view name = kernel.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (name == "linux" && slash != std::string_view::npos && slash != 0) {  // kernel-install(8)
    const std::string_view folder = kernel.substr(0, slash);
    return std::string(folder.substr(folder.rfind('/') + 1));
  }
  for (const std::string_view prefix :
       {"vmlinuz-", "vmlinux-", "Image-", "image-", "kernel-", "bzImage-", "linux-", "zImage-"})
    if (name.starts_with(prefix)) return std::string(name.substr(prefix.size()));
  return "";
}

std::string edit_parameters(std::string_view line, const std::vector<ParameterEdit>& edits) {
  std::string text(line);
  for (const ParameterEdit& edit : edits)
    text = edit_parameter(text, edit);
  return text;
}

std::vector<std::string> all_parameters(std::string_view line, std::string_view name) {
  std::vector<std::string> values;
  for (const Token& token : tokens_of(line)) {
    const std::string_view word = line.substr(token.begin, token.end - token.begin);
    if (!is_called(word, name)) continue;
    values.emplace_back(word.size() == name.size() ? "" : word.substr(name.size() + 1));
  }
  return values;
}

std::optional<std::string> last_parameter(std::string_view line, std::string_view name) {
  auto values = all_parameters(line, name);
  if (values.empty()) return std::nullopt;
  return std::move(values.back());
}

bool says(std::string_view line, const ParameterEdit& edit) {
  return last_parameter(line, edit.name) == edit.value;
}

}  // namespace kdump
