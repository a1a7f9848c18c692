#include "daemon/crashkernel/grub_config.h"

#include <algorithm>
#include <unistd.h>

namespace kdump {

namespace {

bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

size_t line_of(std::string_view text, size_t at) {
  return static_cast<size_t>(
             std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n')) +
         1;
}

// One walk over a shell text, from word to word. Only as much shell as it takes to know where
// words, quotes and comments end.
class ShellWalker {
 public:
  explicit ShellWalker(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] size_t at() const { return at_; }

  // To the next word; comments and separators are skipped.
  void skip_to_word() {
    while (!done()) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') {
        at_ += 2;
      } else if (is_separator(text_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  // NAME= or NAME+= here? Goes behind it.
  std::string assignment_name() {
    size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end]))
      ++end;
    const size_t name_end = end;
    if (end < text_.size() && text_[end] == '+') ++end;
    if (name_end == at_ || end >= text_.size() || text_[end] != '=') return "";
    std::string name(text_.substr(at_, name_end - at_));
    at_ = end + 1;
    return name;
  }

  // Over the word that is here, noting what its value is made of.
  void read_value(ShellAssignment& assignment) {
    const size_t start = at_;
    size_t pieces = 0;
    while (!done() && !is_separator(text_[at_])) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        const size_t inner = at_ + 1;
        const size_t close = closing_quote(c);
        assignment.quote = c;
        assignment.begin = inner;
        assignment.end = std::min(close, text_.size());
        at_ = std::min(close + 1, text_.size());
        ++pieces;
        continue;
      }
      const size_t piece = at_;
      while (!done() && !is_separator(text_[at_]) && text_[at_] != '"' && text_[at_] != '\'')
        at_ += text_[at_] == '\\' ? 2 : 1;
      at_ = std::min(at_, text_.size());
      assignment.quote = '\0';
      assignment.begin = piece;
      assignment.end = at_;
      // What a backslash, variable or command does outside quotes changes when quotes are put
      // around it.
      if (text_.substr(piece, at_ - piece).find_first_of("\\$`") != std::string_view::npos)
        assignment.editable = false;
      ++pieces;
    }
    if (pieces == 0) assignment.begin = assignment.end = start;
    if (pieces > 1) assignment.editable = false;
  }

  void skip_word() {
    ShellAssignment ignored;
    const size_t before = at_;
    read_value(ignored);
    if (at_ == before) ++at_;
  }

 private:
  static bool is_separator(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' ||
           c == ')' || c == '{' || c == '}';
  }

  [[nodiscard]] size_t closing_quote(char quote) const {
    for (size_t at = at_ + 1; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        return at;
      }
    }
    return text_.size();
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Words of one line of grub.cfg, quotes taken off.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == '\0' && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
      words.back() += line[++at];
    } else {
      words.back() += c;
    }
  }
  return words;
}

// "/vmlinuz-6.1" of a GRUB that counts from the boot partition.
std::string kernel_on_host(const HostPaths& paths, const std::string& grub_path) {
  // "(hd0,gpt2)/vmlinuz…" and "($root)/…" name the partition, too.
  std::string path = grub_path.starts_with('(') && grub_path.find(')') != std::string::npos
                         ? grub_path.substr(grub_path.find(')') + 1)
                         : grub_path;
  for (const char* prefix : {"", "/boot"})
    if (::access((paths.root + prefix + path).c_str(), F_OK) == 0) return prefix + path;
  // btrfs: "/@/boot/vmlinuz…" begins with a subvolume.
  const size_t boot = path.find("/boot/");
  if (boot != std::string::npos && boot != 0) return path.substr(boot);
  return path;
}

bool is_recovery(const std::vector<std::string>& menuentry) {
  return std::any_of(menuentry.begin(), menuentry.end(), [](const std::string& word) {
    return word.find("(recovery mode)") != std::string::npos ||
           word.find("-recovery-") != std::string::npos;
  });
}

bool loads_linux(const std::string& command) {
  return command == "linux" || command == "linux16" || command == "linuxefi";
}

bool is_memory_test(const std::string& kernel) {
  return kernel.find("memtest") != std::string::npos;
}

}  // namespace

std::vector<ShellAssignment> find_assignments(std::string_view text,
                                              const std::vector<std::string_view>& names) {
  std::vector<ShellAssignment> found;
  ShellWalker walker(text);
  for (;;) {
    walker.skip_to_word();
    if (walker.done()) return found;
    ShellAssignment assignment;
    assignment.line = line_of(text, walker.at());
    assignment.name = walker.assignment_name();
    if (assignment.name.empty()) {
      walker.skip_word();
      continue;
    }
    walker.read_value(assignment);
    if (std::find(names.begin(), names.end(), assignment.name) != names.end())
      found.push_back(std::move(assignment));
  }
}

std::string replace_value(std::string_view text, const ShellAssignment& assignment,
                          std::string_view value) {
  std::string out(text.substr(0, assignment.begin));
  const std::string_view quote = assignment.quote == '\0' ? "\"" : "";
  out.append(quote).append(value).append(quote);
  return out.append(text.substr(assignment.end));
}

std::vector<BootEntry> parse_grub_cfg(const HostPaths& paths, std::string_view text,
                                      const std::string& file) {
  std::vector<BootEntry> entries;
  struct Open {  // a block that is open: a menu, or anything else in braces
    bool submenu = false, menuentry = false;
    size_t next = 0;  // number of the next entry in this menu
  };
  std::vector<Open> open = {{.submenu = true}};
  std::string prefix, title, index;
  bool recovery = false;
  size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    const std::vector<std::string> words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const bool opens = words.back() == "{";
    if (opens && (words[0] == "menuentry" || words[0] == "submenu") && words.size() > 1) {
      // Menus count in the menu that they are in, whatever `if` is between.
      const auto menu =
          std::find_if(open.rbegin(), open.rend(), [](const Open& block) { return block.submenu; });
      const std::string here = prefix + std::to_string(menu->next++);
      if (words[0] == "menuentry") {
        title = words[1];
        index = here;
        recovery = is_recovery(words);
      } else {
        prefix = here + ">";
      }
      open.push_back({.submenu = words[0] == "submenu", .menuentry = words[0] == "menuentry"});
    } else if (opens) {
      open.push_back({});
    } else if (words[0] == "}" && open.size() > 1) {
      if (open.back().submenu) {  // "0>1>" → "0>"
        prefix.pop_back();
        prefix.resize(prefix.rfind('>') == std::string::npos ? 0 : prefix.rfind('>') + 1);
      }
      open.pop_back();
    } else if (loads_linux(words[0]) && words.size() > 1 && !recovery &&
               std::any_of(open.begin(), open.end(),
                           [](const Open& block) { return block.menuentry; }) &&
               !is_memory_test(words[1])) {
      BootEntry entry;
      entry.index = index;
      entry.title = title;
      entry.kernel = kernel_on_host(paths, words[1]);
      entry.release = release_of_kernel(entry.kernel);
      // As it is written: the kernel's own quotes are not GRUB's.
      const size_t options = line.find(words[1]);
      if (options != std::string_view::npos)
        entry.options = std::string(line.substr(options + words[1].size()));
      entry.options.erase(0, entry.options.find_first_not_of(" \t"));
      entry.where = file + ":" + std::to_string(number);
      entry.by_default = entries.empty();
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

}  // namespace kdump
