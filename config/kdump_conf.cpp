#include "config/kdump_conf.h"

#include <algorithm>
#include <map>

#include "config/action_names.h"
#include "config/core_collector.h"
#include "config/directives.h"
#include "config/nearest.h"
#include "config/target_value.h"
#include "config/words.h"

namespace kdump {

namespace {

// One pair of quotes around the whole value goes; `"a" "b"` becomes `a" "b`, as it always has.
std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

class Parser {
 public:
  Parser(const std::string& name, Draft& draft)
      : name_(name), draft_(draft), settings_(draft.loaded.settings) {}

  void parse(std::string_view text) {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      ++line_;
      parse_line(text.substr(0, end));
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
  }

 private:
  [[nodiscard]] std::string here() const { return name_ + ":" + std::to_string(line_); }
  void fail(const std::string& what, Errc code = Errc::usage) { draft_.fail(here(), what, code); }
  void warn(const std::string& what) { draft_.warn(here(), what); }

  void parse_line(std::string_view line) {
    if (line.find('\0') != std::string_view::npos)
      return fail("the line holds a NUL byte: this is not a text file", Errc::bad_input);
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) return;
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    apply(line.substr(0, end), unquoted(trimmed(line.substr(end))));
  }

  void apply(std::string_view word, std::string_view value) {
    const DirectiveEntry* entry = find_directive(word);
    if (entry == nullptr) return unknown(word);
    if (entry->kind == Directive::deprecated)
      return fail("Deprecated kdump config option: " + std::string(word) + "; " +
                  std::string(entry->advice));
    if (value.empty())
      return fail("Invalid kdump config value for option '" + std::string(word) +
                  "': it is empty; write a value or remove the line");
    if (holds_control_character(value))
      return fail("Invalid kdump config value for option '" + std::string(word) +
                      "': it holds a control character",
                  Errc::bad_input);
    if (is_repeat(*entry)) return;
    apply_value(*entry, value);
  }

  void unknown(std::string_view word) {
    std::vector<std::string_view> known;
    for (const DirectiveEntry& entry : directive_table())
      if (entry.kind != Directive::deprecated) known.push_back(entry.word);
    std::string what = "Invalid kdump config option " + shown(word);
    const std::string_view name = word.substr(0, word.find('='));
    if (name.size() < word.size() && find_directive(name) != nullptr)
      what += "; write a blank, not '=', between '" + std::string(name) + "' and its value";
    else if (word == "sftp" || word == "vfat")
      what += "; write this target into /etc/kdump/policy.yaml";
    else if (const auto near = nearest_word(word, known))
      what += "; did you mean '" + std::string(*near) + "'?";
    fail(what);
  }

  bool is_repeat(const DirectiveEntry& entry) {
    if (names_target(entry.kind)) return is_second_target(entry.word);
    // `default` and failure_action are one setting with two names.
    const std::string_view key =
        entry.kind == Directive::default_action ? "failure_action" : entry.word;
    const auto [first, is_new] = first_line_.emplace(key, line_);
    if (is_new)
      draft_.loaded.origins[std::string(key)] = here();
    else
      fail("Duplicated kdump config value of option " + std::string(key) +
           ": the first one is on line " + std::to_string(first->second) + "; keep one of them");
    return !is_new;
  }

  bool is_second_target(std::string_view word) {
    if (target_line_ != 0) {
      fail("More than one dump targets specified: " + std::string(word) + " here, and another on " +
           (target_line_ == line_ ? "the same line" : "line " + std::to_string(target_line_)) +
           "; keep one of them, or list them in /etc/kdump/policy.yaml");
      return true;
    }
    target_line_ = line_;
    draft_.kdump_conf_target_origin = here();
    draft_.loaded.origins["targets"] = here();
    return false;
  }

  void apply_value(const DirectiveEntry& entry, std::string_view value) {
    switch (entry.kind) {
      case Directive::path:
        settings_.path = value;
        return;
      case Directive::core_collector:
        return set_core_collector(value);
      case Directive::default_action:
        warn("option 'default' was renamed to 'failure_action' and will go away one day");
        warn("write 'failure_action " + std::string(value) + "' instead of 'default " +
             std::string(value) + "'");
        [[fallthrough]];
      case Directive::failure_action:
        return set_action(entry.word, value, kFailureActionNames, settings_.failure_action);
      case Directive::final_action:
        return set_action(entry.word, value, kFinalActionNames, settings_.final_action);
      case Directive::force_rebuild:
      case Directive::force_no_rebuild:
        return set_rebuild(entry, value);
      case Directive::filesystem:
      case Directive::virtiofs:
      case Directive::raw:
      case Directive::nfs:
      case Directive::ssh:
        return set_target(parse_target(entry.word, value));
      case Directive::sshkey:
        settings_.sshkey = value;
        return;
      case Directive::kdump_pre:
        settings_.kdump_pre = value;
        return;
      case Directive::kdump_post:
        settings_.kdump_post = value;
        return;
      case Directive::kdump_emergency:
        settings_.kdump_emergency = value;
        return;
      case Directive::extra_bins:
        settings_.extra_bins = split_words(value);
        return;
      case Directive::extra_modules:
        settings_.extra_modules = split_words(value);
        return;
      case Directive::dracut_args:
        return set_dracut_args(value);
      case Directive::fence_kdump_nodes:
        settings_.fence_kdump_nodes = split_words(value);
        return;
      case Directive::fence_kdump_args:
        settings_.fence_kdump_args = value;
        return;
      case Directive::auto_reset_crashkernel:
        if (value != "yes" && value != "no")
          warn("auto_reset_crashkernel is " + in_quotes(value) +
               ", which counts as yes; write yes or no");
        settings_.auto_reset_crashkernel = value != "no";
        return;
      case Directive::deprecated:
        return;  // refused before
    }
  }

  void set_core_collector(std::string_view value) {
    auto collector = parse_core_collector(value);
    if (!collector) return fail(collector.error().message(), collector.error().code());
    for (const std::string& warning : collector->warnings)
      warn(warning);
    settings_.core_collector = collector->arguments;
    settings_.core_collector_given = true;
    draft_.flattened = collector->flattened;
  }

  template <class Action, size_t N>
  void set_action(std::string_view word, std::string_view value,
                  const std::array<std::pair<Action, std::string_view>, N>& names, Action& action) {
    if (const auto known = value_in(names, value)) {
      action = *known;
      return;
    }
    std::string list;
    for (const auto& name : names)
      list += (list.empty() ? "" : ", ") + std::string(name.second);
    fail(std::string(word) + " is " + in_quotes(value) + "; write one of " + list);
  }

  void set_rebuild(const DirectiveEntry& entry, std::string_view value) {
    if (value != "0" && value != "1")
      return fail(std::string(entry.word) + " is " + in_quotes(value) + "; write 0 or 1");
    if (value == "0") return;
    if (settings_.rebuild != Rebuild::when_needed)
      return fail("force_rebuild and force_no_rebuild are both 1; set one of them to 0");
    settings_.rebuild = entry.kind == Directive::force_rebuild ? Rebuild::always : Rebuild::never;
  }

  void set_target(Result<Target> target) {
    if (!target) return fail(target.error().message(), target.error().code());
    target->origin = here();
    settings_.targets.front() = *std::move(target);
  }

  void set_dracut_args(std::string_view value) {
    auto args = parse_dracut_args(value);
    if (!args) return fail(args.error().message(), args.error().code());
    settings_.dracut_args = args->rest;
    for (Target& target : args->mounts)
      if (!is_second_target("--mount")) set_target(std::move(target));
  }

  const std::string& name_;
  Draft& draft_;
  Settings& settings_;
  unsigned line_ = 0;
  unsigned target_line_ = 0;                         // 0: no target yet
  std::map<std::string_view, unsigned> first_line_;  // of each setting that may be there once
};

}  // namespace

void read_kdump_conf(std::string_view text, const std::string& name, Draft& draft) {
  Parser(name, draft).parse(text);
}

}  // namespace kdump
