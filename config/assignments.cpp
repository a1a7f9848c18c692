#include "config/assignments.h"

#include <algorithm>

#include "config/words.h"

namespace kdump {

namespace {

bool is_name_letter(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (!first && c >= '0' && c <= '9');
}

constexpr size_t kMostErrors = 100;
constexpr char kAsData[] = "this file is read as data, not run: write the value itself";

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Assignments read() {
    while (!at_end())
      read_command();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char next() {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    return c;
  }

  void fail(unsigned line, const std::string& what, Errc code = Errc::usage) {
    if (out_.errors.size() < kMostErrors)
      out_.errors.emplace_back(code, name_ + ":" + std::to_string(line) + ": " + what);
  }

  void skip_blanks() {
    while (!at_end()) {
      if (kBlanks.find(peek()) != std::string_view::npos)
        next();
      else if (peek() == '\\' && peek(1) == '\n')
        at_ += 1, next();
      else
        return;
    }
  }

  void skip_line() {
    while (!at_end() && peek() != '\n')
      next();
  }

  // Up to the end of a line or a ';'.
  void read_command() {
    skip_blanks();
    if (at_end()) return;
    if (peek() == '\n' || peek() == ';') {
      next();
      return;
    }
    if (peek() == '#') return skip_line();
    const size_t before = at_;
    if (text_.substr(at_).starts_with("export") &&
        kBlanks.find(peek(6)) != std::string_view::npos) {
      at_ += 6;
      skip_blanks();
    }
    if (!read_assignment()) {
      at_ = std::max(at_, before);
      skip_line();
    }
  }

  // False after an error: what follows on the line means nothing.
  bool read_assignment() {
    const unsigned line = line_;
    const size_t begin = at_;
    while (!at_end() && is_name_letter(peek(), at_ == begin))
      ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    const bool appends = !name.empty() && peek() == '+' && peek(1) == '=';
    if (name.empty() || (peek() != '=' && !appends)) {
      const size_t end = std::min(text_.find_first_of(" \t\r\n;", begin), text_.size());
      fail(line, in_quotes(text_.substr(begin, std::max(end - begin, size_t{1}))) +
                     " is not NAME=\"value\": this file is read as data, not run as shell");
      return false;
    }
    at_ += appends ? 2 : 1;
    std::string value;
    if (!read_word(value)) return false;
    if (value.find('\0') != std::string::npos) {
      fail(line, name + " holds a NUL byte: this is not a text file", Errc::bad_input);
      return false;
    }
    store(name, std::move(value), line, appends);
    return true;
  }

  void store(const std::string& name, std::string value, unsigned line, bool appends) {
    const auto [entry, is_new] = out_.index.emplace(name, out_.all.size());
    if (is_new) return out_.all.push_back({name, std::move(value), line});
    Assignment& assignment = out_.all[entry->second];
    if (appends)
      assignment.value += value;
    else
      assignment.value = std::move(value);
    assignment.line = line;
  }

  bool read_word(std::string& value) {
    while (!at_end()) {
      const char c = peek();
      if (c == '\n' || c == ';' || kBlanks.find(c) != std::string_view::npos) return true;
      if (c == '\'') {
        if (!read_single_quoted(value)) return false;
      } else if (c == '"') {
        if (!read_double_quoted(value)) return false;
      } else if (c == '\\') {
        next();
        if (at_end()) return true;
        if (peek() != '\n') value += peek();
        next();
      } else if (std::string_view("|&<>()").find(c) != std::string_view::npos) {
        fail(line_, "'" + std::string(1, c) + "' needs quotes around it: write NAME=\"value\"");
        return false;
      } else if (expands()) {
        return false;
      } else {
        value += next();
      }
    }
    return true;
  }

  bool read_single_quoted(std::string& value) {
    const unsigned line = line_;
    next();
    while (!at_end()) {
      const char c = next();
      if (c == '\'') return true;
      value += c;
    }
    fail(line, "the quote ' is left open");
    return false;
  }

  bool read_double_quoted(std::string& value) {
    const unsigned line = line_;
    next();
    while (!at_end()) {
      if (expands()) return false;
      const char c = next();
      if (c == '"') return true;
      if (c == '\\' && std::string_view("\"\\$`").find(peek()) != std::string_view::npos &&
          !at_end())
        value += next();
      else if (c == '\\' && peek() == '\n')
        next();
      else
        value += c;
    }
    fail(line, "the quote \" is left open");
    return false;
  }

  // Whether a shell would put something else here; says so.
  bool expands() {
    const char c = peek();
    if (c == '`') {
      fail(line_, std::string("`…` would run a command; ") + kAsData);
      return true;
    }
    if (c != '$') return false;
    const char after = peek(1);
    if (after == '(') {
      fail(line_, std::string("$(…) would run a command; ") + kAsData);
      return true;
    }
    if (after == '{' || is_name_letter(after, false) ||
        (after != '\0' && std::string_view("@*#?-$!'\"").find(after) != std::string_view::npos &&
         !(after == '"'))) {
      fail(line_, std::string("$… stands for something that only a shell knows; ") + kAsData +
                      ", or \\$ for the letter");
      return true;
    }
    return false;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  unsigned line_ = 1;
  Assignments out_;
};

}  // namespace

const Assignment* Assignments::find(std::string_view name) const {
  const auto entry = index.find(name);
  return entry == index.end() ? nullptr : &all[entry->second];
}

Assignments read_assignments(std::string_view text, const std::string& name) {
  return Reader(text, name).read();
}

}  // namespace kdump
