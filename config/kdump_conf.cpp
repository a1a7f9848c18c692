#include "config/kdump_conf.h"

#include <algorithm>
#include <map>

#include "config/core_collector.h"
#include "config/directives.h"
#include "config/nearest.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// One pair of quotes around the whole value goes; `"a" "b"` becomes `a" "b`, as it always has.
std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

struct FailureActionName {
  std::string_view word;
  FailureAction action;
};
constexpr FailureActionName kFailureActions[] = {
    {"reboot", FailureAction::reboot},
    {"halt", FailureAction::halt},
    {"poweroff", FailureAction::poweroff},
    {"shell", FailureAction::shell},
    {"dump_to_rootfs", FailureAction::dump_to_rootfs},
};

struct FinalActionName {
  std::string_view word;
  FinalAction action;
};
constexpr FinalActionName kFinalActions[] = {
    {"reboot", FinalAction::reboot},
    {"halt", FinalAction::halt},
    {"poweroff", FinalAction::poweroff},
};

class Parser {
 public:
  explicit Parser(const std::string& name) : name_(name) {}

  Result<LoadedSettings> parse(std::string_view text) {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      ++line_;
      KDUMP_TRY(parse_line(text.substr(0, end)));
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
    KDUMP_TRY(finish());
    return std::move(loaded_);
  }

 private:
  [[nodiscard]] std::string where(unsigned line) const {
    return name_ + ":" + std::to_string(line);
  }

  [[nodiscard]] Error fail(Errc code, const std::string& what) const {
    return {code, where(line_) + ": " + what};
  }

  void warn(const std::string& what) { loaded_.warnings.push_back(where(line_) + ": " + what); }

  Result<void> parse_line(std::string_view line) {
    if (line.find('\0') != std::string_view::npos)
      return fail(Errc::bad_input, "the line holds a NUL byte: this is not a text file");
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) return {};
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    const std::string_view word = line.substr(0, end);
    return apply(word, unquoted(trimmed(line.substr(end))));
  }

  Result<void> apply(std::string_view word, std::string_view value) {
    const std::string name(word);
    const DirectiveEntry* entry = find_directive(word);
    if (entry == nullptr) return unknown(word);
    if (entry->kind == Directive::deprecated)
      return fail(Errc::usage,
                  "Deprecated kdump config option: " + name + "; " + std::string(entry->advice));
    if (value.empty())
      return fail(Errc::usage, "Invalid kdump config value for option '" + name +
                                   "': it is empty; write a value or remove the line");
    KDUMP_TRY(refuse_repeat(*entry));
    return apply_value(*entry, value);
  }

  Result<void> unknown(std::string_view word) const {
    std::vector<std::string_view> known;
    for (const DirectiveEntry& entry : directive_table())
      if (entry.kind != Directive::deprecated) known.push_back(entry.word);
    std::string what = "Invalid kdump config option " + std::string(word);
    const std::string_view name = word.substr(0, word.find('='));
    if (name.size() < word.size() && find_directive(name) != nullptr)
      what += "; write a blank, not '=', between '" + std::string(name) + "' and its value";
    else if (const auto near = nearest_word(word, known))
      what += "; did you mean '" + std::string(*near) + "'?";
    return fail(Errc::usage, what);
  }

  Result<void> refuse_repeat(const DirectiveEntry& entry) {
    if (entry.kind == Directive::filesystem || entry.kind == Directive::other_target) {
      if (target_line_ != 0)
        return fail(Errc::usage, "More than one dump targets specified: " +
                                     std::string(entry.word) + " here, and another on line " +
                                     std::to_string(target_line_) + "; keep one of them");
      target_line_ = line_;
      return {};
    }
    // `default` and failure_action are one setting with two names.
    const std::string_view key =
        entry.kind == Directive::default_action ? "failure_action" : entry.word;
    const auto [first, is_new] = first_line_.emplace(key, line_);
    if (is_new) return {};
    return fail(Errc::usage, "Duplicated kdump config value of option " + std::string(key) +
                                 ": the first one is on line " + std::to_string(first->second) +
                                 "; keep one of them");
  }

  Result<void> apply_value(const DirectiveEntry& entry, std::string_view value) {
    switch (entry.kind) {
      case Directive::path:
        path_line_ = line_;
        loaded_.settings.path = value;
        return {};
      case Directive::core_collector:
        return set_core_collector(value);
      case Directive::default_action:
        warn("option 'default' was renamed to 'failure_action' and will go away one day");
        warn("write 'failure_action " + std::string(value) + "' instead of 'default " +
             std::string(value) + "'");
        return set_failure_action(entry.word, value);
      case Directive::failure_action:
        return set_failure_action(entry.word, value);
      case Directive::final_action:
        return set_final_action(value);
      case Directive::force_rebuild:
      case Directive::force_no_rebuild:
        return set_rebuild(entry, value);
      case Directive::filesystem:
        loaded_.settings.targets.front() = {.kind = TargetKind::filesystem,
                                            .type = std::string(entry.word),
                                            .device = std::string(value),
                                            .origin = where(line_)};
        return check_device(value);
      case Directive::no_effect:
        return {};
      case Directive::other_target:
      case Directive::other_feature:
        return fail(Errc::unsupported, "'" + std::string(entry.word) +
                                           "' is not supported by this version of kdumpd; " +
                                           std::string(entry.advice));
      case Directive::deprecated:
        break;  // refused before
    }
    return fail(Errc::internal, "directive without a meaning: " + std::string(entry.word));
  }

  Result<void> set_core_collector(std::string_view value) {
    auto arguments = parse_core_collector(value);
    if (!arguments) return std::move(arguments).error().context(where(line_));
    loaded_.settings.core_collector = *std::move(arguments);
    return {};
  }

  Result<void> set_failure_action(std::string_view word, std::string_view value) {
    for (const auto& known : kFailureActions) {
      if (known.word != value) continue;
      if (known.action == FailureAction::shell || known.action == FailureAction::dump_to_rootfs)
        return fail(Errc::unsupported,
                    std::string(word) + " " + std::string(value) +
                        " is not supported by this version of kdumpd: the capture environment has "
                        "no shell and does not mount the root file system; write reboot, halt or "
                        "poweroff");
      loaded_.settings.failure_action = known.action;
      return {};
    }
    return fail(Errc::usage, std::string(word) + " is '" + std::string(value) +
                                 "'; write one of reboot, halt, poweroff");
  }

  Result<void> set_final_action(std::string_view value) {
    for (const auto& known : kFinalActions) {
      if (known.word != value) continue;
      loaded_.settings.final_action = known.action;
      return {};
    }
    return fail(Errc::usage, "final_action is '" + std::string(value) +
                                 "'; write one of reboot, halt, poweroff");
  }

  Result<void> set_rebuild(const DirectiveEntry& entry, std::string_view value) {
    if (value != "0" && value != "1")
      return fail(Errc::usage,
                  std::string(entry.word) + " is '" + std::string(value) + "'; write 0 or 1");
    if (value == "0") return {};
    if (loaded_.settings.rebuild != Rebuild::when_needed)
      return fail(Errc::usage,
                  "force_rebuild and force_no_rebuild are both 1; set one of them to 0");
    loaded_.settings.rebuild =
        entry.kind == Directive::force_rebuild ? Rebuild::always : Rebuild::never;
    return {};
  }

  [[nodiscard]] Result<void> check_device(std::string_view device) const {
    constexpr std::string_view kTags[] = {"UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="};
    const bool is_tag = std::ranges::any_of(kTags, [&](std::string_view tag) {
      return device.starts_with(tag) && device.size() > tag.size();
    });
    if (is_tag ||
        (device.starts_with("/") && device.find_first_of(kBlanks) == std::string_view::npos))
      return {};
    return fail(Errc::usage,
                "'" + std::string(device) + "' is not a device; write /dev/…, UUID=… or LABEL=…");
  }

  Result<void> finish() {
    Settings& settings = loaded_.settings;
    if (settings.core_collector.empty()) {
      KDUMP_TRY_ASSIGN(settings.core_collector, parse_core_collector(kDefaultCoreCollector));
    }
    line_ = path_line_;
    return normalise_path();
  }

  // The path is joined to a mount point at the crash, so it must not be able to climb out of it.
  Result<void> normalise_path() {
    Settings& settings = loaded_.settings;
    if (!settings.path.starts_with("/") && settings.targets.front().kind == TargetKind::path)
      return fail(Errc::usage, "path is '" + settings.path +
                                   "'; without a target it must be absolute: write '/" +
                                   settings.path + "'");
    std::string clean;
    std::string_view rest = settings.path;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('/'), rest.size());
      const std::string_view part = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (part.empty() || part == ".") continue;
      if (part == "..")
        return fail(Errc::usage, "path is '" + settings.path + "'; write it without '..'");
      clean += "/" + std::string(part);
    }
    settings.path = clean.empty() ? "/" : clean;
    return {};
  }

  const std::string& name_;
  LoadedSettings loaded_;
  unsigned line_ = 0;
  unsigned path_line_ = 0;
  unsigned target_line_ = 0;                         // 0: no target yet
  std::map<std::string_view, unsigned> first_line_;  // of each setting that may be there once
};

}  // namespace

Result<LoadedSettings> parse_kdump_conf(std::string_view text, const std::string& name) {
  return Parser(name).parse(text);
}

Result<LoadedSettings> load_settings(const ConfigFiles& files) {
  const std::string& file = files.kdump_conf;
  auto text = read_text_file(file);
  if (!text) {
    if (text.error().sys_errno() == ENOENT)
      return Error(Errc::not_found, "Error: No kdump config file found! (" + file + ")");
    return std::move(text).error();
  }
  return parse_kdump_conf(*text, file);
}

}  // namespace kdump
