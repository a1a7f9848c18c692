#include "initramfs/plan/capture_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "config/action_names.h"
#include "initramfs/plan/plan_words.h"

namespace kdump {

namespace {

constexpr size_t kLongestPlan = size_t{64} * 1024;
constexpr int64_t kLongestLimit = int64_t{366} * 86400;  // seconds

constexpr std::array kTargetKindNames = {
    std::pair{TargetKind::filesystem, std::string_view("filesystem")},
    std::pair{TargetKind::raw, std::string_view("raw")},
    std::pair{TargetKind::nfs, std::string_view("nfs")},
    std::pair{TargetKind::ssh, std::string_view("ssh")},
    std::pair{TargetKind::sftp, std::string_view("sftp")},
};

using Why = std::optional<std::string>;

// Both ends are our own, yet the file decides what gets mounted and run as root.
Why bad_device(const std::string& device) {
  for (const char* key :
       {"/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "WWID=", "SERIAL="})
    if (device.starts_with(key) && device.size() > std::string_view(key).size())
      return std::nullopt;
  return "not a device, UUID=, LABEL=, PARTUUID=, PARTLABEL=, WWID= or SERIAL=";
}

Why bad_filesystem(const std::string& type) {
  const bool fine = !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (fine) return std::nullopt;
  return "not a file system type";
}

Why bad_directory(const std::string& directory) {
  if (!directory.starts_with('/')) return "not an absolute path";
  if ((directory + '/').find("/../") != std::string::npos) return "leads upwards (..)";
  return std::nullopt;
}

Why bad_program(const std::string& path) {
  if (path.empty()) return std::nullopt;
  return bad_directory(path);
}

Why bad_naming(const std::string& naming) {
  if (naming.find("{time}") == std::string::npos) return "no {time} in it";
  if (naming.find('/') != std::string::npos) return "leads into a directory (/)";
  return std::nullopt;
}

Why nothing_bad(const std::string& /*value*/) {
  return std::nullopt;
}

// What a plan and a target have in common: text members by their key.
template <typename Owner>
struct TextKey {
  std::string_view key;
  std::string Owner::*member;
  Why (*judge)(const std::string&);
};

constexpr std::array kPlanTexts = {
    TextKey<CapturePlan>{"naming", &CapturePlan::naming, bad_naming},
    TextKey<CapturePlan>{"hostname", &CapturePlan::hostname, nothing_bad},
};

constexpr std::array kHookTexts = {
    TextKey<Hooks>{"pre", &Hooks::pre, bad_program},
    TextKey<Hooks>{"post", &Hooks::post, bad_program},
    TextKey<Hooks>{"emergency", &Hooks::emergency, bad_program},
};

constexpr std::array kTargetTexts = {
    TextKey<TargetPlan>{"described", &TargetPlan::described, nothing_bad},
    TextKey<TargetPlan>{"device", &TargetPlan::device, nothing_bad},  // judged by kind at the end
    TextKey<TargetPlan>{"filesystem", &TargetPlan::filesystem, bad_filesystem},
    TextKey<TargetPlan>{"mount_options", &TargetPlan::mount_options, nothing_bad},
    TextKey<TargetPlan>{"directory", &TargetPlan::directory, nothing_bad},
    TextKey<TargetPlan>{"host", &TargetPlan::host, nothing_bad},
    TextKey<TargetPlan>{"address", &TargetPlan::address, nothing_bad},
    TextKey<TargetPlan>{"user", &TargetPlan::user, nothing_bad},
    TextKey<TargetPlan>{"key", &TargetPlan::key, bad_program},
};

bool is_virtiofs(const TargetPlan& target) {
  return target.filesystem == "virtiofs";
}

// What its kind needs is there.
Why bad_target(const TargetPlan& target) {
  const auto wrong = [](std::string_view key, const std::string& value, const std::string& why) {
    return std::string(key) + " \"" + value + "\": " + why;
  };
  switch (target.kind) {
    case TargetKind::path:
      return "kind path is none of a plan";
    case TargetKind::raw:
      if (const auto why = bad_device(target.device)) return wrong("device", target.device, *why);
      return std::nullopt;
    case TargetKind::filesystem:
      if (!is_virtiofs(target))
        if (const auto why = bad_device(target.device)) return wrong("device", target.device, *why);
      [[fallthrough]];
    case TargetKind::nfs:
      if (target.device.empty()) return "no device";
      if (const auto why = bad_filesystem(target.filesystem))
        return wrong("filesystem", target.filesystem, *why);
      if (const auto why = bad_directory(target.directory))
        return wrong("directory", target.directory, *why);
      break;
    case TargetKind::ssh:
    case TargetKind::sftp:
      if (target.user.empty() || target.host.empty()) return "no user, or no host";
      break;
  }
  if (target.is_remote() && target.address.empty()) return "no address";
  return std::nullopt;
}

template <typename Number>
std::optional<Number> number_in(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

class PlanReader {
 public:
  PlanReader(std::string_view text, const std::string& where) : text_(text), where_(where) {
    plan_.when_short.clear();
  }

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
    KDUMP_TRY(end_target());
    for (const char* key :
         {"version", "naming", "hostname", "core_collector", "failure_action", "final_action",
          "image", "keep_free", "capture_limit", "hook_limit", "end"})
      if (!seen(key)) return Error(Errc::bad_input, where_ + ": no line \"" + key + "\"");
    if (plan_.targets.empty()) return Error(Errc::bad_input, where_ + ": no target");
    return std::move(plan_);
  }

 private:
  [[nodiscard]] Error bad(const std::string& why) const {
    return {Errc::bad_input, where_ + ":" + std::to_string(line_) + ": " + why};
  }

  [[nodiscard]] bool seen(std::string_view key) const {
    return std::find(seen_.begin(), seen_.end(), key) != seen_.end();
  }

  Result<void> read_line(std::string_view line) {
    if (line.empty() || line.front() == '#') return {};
    if (seen("end")) return bad("a line behind the end");
    auto words = words_of_plan_line(line);
    if (!words || words->empty()) return bad("not \"key value\"");
    const std::string key = std::move(words->front());
    words->erase(words->begin());
    if (key == "target" && words->size() == 1) return begin_target(words->front());
    if (key == "interface") return add(decode_interface(*words), plan_.network.interfaces);
    if (key == "route") return add(decode_route(*words), plan_.network.routes);
    if (key == "network_disk" && in_target_)
      return add(decode_network_disk(*words), plan_.targets.back().network_disks);
    if (key == "end") KDUMP_TRY(end_target());
    if (seen(key)) return bad("\"" + key + "\" is there twice");
    seen_.push_back(key);
    if (key == "end") return {};
    if (key == "core_collector" || key == "fence_kdump" || key == "when_short")
      return read_list(key, std::move(*words));
    if (words->size() != 1) return bad("\"" + key + "\" takes one value");
    return in_target_ ? read_target_value(key, std::move(words->front()))
                      : read_value(key, std::move(words->front()));
  }

  template <typename T>
  Result<void> add(Result<T> decoded, std::vector<T>& list) const {
    if (!decoded) return bad(decoded.error().message());
    list.push_back(std::move(*decoded));
    return {};
  }

  // A target's keys follow its line; they may be there again for the next one.
  Result<void> begin_target(const std::string& word) {
    KDUMP_TRY(end_target());
    const auto kind = value_in(kTargetKindNames, word);
    if (!kind) return bad("no such kind of target: " + word);
    before_target_ = seen_.size();
    in_target_ = true;
    plan_.targets.emplace_back();
    plan_.targets.back().kind = *kind;
    return {};
  }

  Result<void> end_target() {
    if (!in_target_) return {};
    in_target_ = false;
    seen_.resize(before_target_);
    if (const auto why = bad_target(plan_.targets.back())) return bad("the target above: " + *why);
    return {};
  }

  Result<void> read_list(const std::string& key, std::vector<std::string> words) {
    if (in_target_) return bad("unknown key \"" + key + "\" of a target");
    if (key == "when_short") {
      for (const std::string& word : words) {
        const auto answer = value_in(kWhenShortNames, word);
        if (!answer) return bad("no such answer to a lack of room: " + word);
        plan_.when_short.push_back(*answer);
      }
      return {};
    }
    if (words.empty() || !words.front().starts_with('/'))
      return bad(key + "'s program is not an absolute path");
    (key == "core_collector" ? plan_.core_collector : plan_.fence_kdump) = std::move(words);
    return {};
  }

  // True if `key` is one of `keys`.
  template <typename Owner, size_t N>
  Result<bool> read_text(const std::array<TextKey<Owner>, N>& keys, Owner& owner,
                         const std::string& key, std::string& value) const {
    for (const auto& text : keys) {
      if (key != text.key) continue;
      if (const auto why = text.judge(value)) return bad(key + " \"" + value + "\": " + *why);
      owner.*text.member = std::move(value);
      return true;
    }
    return false;
  }

  Result<std::chrono::seconds> seconds_in(const std::string& key, const std::string& value) const {
    const auto number = number_in<int64_t>(value);
    if (!number || *number < 0 || *number > kLongestLimit)
      return bad(key + " " + value + ": not a number of seconds");
    return std::chrono::seconds(*number);
  }

  Result<void> read_value(const std::string& key, std::string value) {
    KDUMP_TRY_ASSIGN(const bool plan_text, read_text(kPlanTexts, plan_, key, value));
    if (plan_text) return {};
    KDUMP_TRY_ASSIGN(const bool hook_text, read_text(kHookTexts, plan_.hooks, key, value));
    if (hook_text) return {};
    if (key == "version") {
      if (value != "2") return bad("version " + value + ": this program reads version 2");
      return {};
    }
    if (key == "failure_action") return read_name(kFailureActionNames, value, plan_.failure_action);
    if (key == "final_action") return read_name(kFinalActionNames, value, plan_.final_action);
    if (key == "image") return read_name(kImageKindNames, value, plan_.image);
    if (key == "keep_free") {
      const auto number = number_in<uint64_t>(value);
      if (!number) return bad("keep_free " + value + ": not a number of bytes");
      plan_.keep_free = *number;
      return {};
    }
    if (key == "capture_limit" || key == "hook_limit") {
      KDUMP_TRY_ASSIGN((key == "hook_limit" ? plan_.hook_limit : plan_.capture_limit),
                       seconds_in(key, value));
      return {};
    }
    return bad("unknown key \"" + key + "\"");
  }

  template <typename Names, typename Value>
  Result<void> read_name(const Names& names, const std::string& word, Value& value) const {
    const auto named = value_in(names, word);
    if (!named) return bad("no such " + seen_.back() + ": " + word);
    value = *named;
    return {};
  }

  Result<void> read_target_value(const std::string& key, std::string value) {
    TargetPlan& target = plan_.targets.back();
    KDUMP_TRY_ASSIGN(const bool text, read_text(kTargetTexts, target, key, value));
    if (text) return {};
    if (key == "port") {
      const auto number = number_in<uint16_t>(value);
      if (!number) return bad("port " + value + ": not a port");
      target.port = *number;
      return {};
    }
    if (key == "stall_limit") {
      KDUMP_TRY_ASSIGN(target.stall_limit, seconds_in(key, value));
      return {};
    }
    return bad("unknown key \"" + key + "\" of a target");
  }

  std::string_view text_;
  const std::string& where_;
  unsigned line_ = 0;
  std::vector<std::string> seen_;
  bool in_target_ = false;
  size_t before_target_ = 0;  // how many were seen
  CapturePlan plan_;
};

class PlanWriter {
 public:
  void line(std::string_view key, const std::vector<std::string>& words) {
    text_ += key;
    for (const std::string& word : words)
      text_.append(" ").append(plan_word(word));
    text_ += '\n';
  }

  void line(std::string_view key, std::string_view word) {
    line(key, std::vector<std::string>{std::string(word)});
  }

  // Empty texts are what a reader has where nothing is said.
  template <typename Owner, size_t N>
  void texts(const std::array<TextKey<Owner>, N>& keys, const Owner& owner) {
    for (const auto& text : keys)
      if (!(owner.*text.member).empty()) line(text.key, owner.*text.member);
  }

  void target(const TargetPlan& target) {
    line("target", name_in(kTargetKindNames, target.kind));
    texts(kTargetTexts, target);
    if (target.port != 0) line("port", std::to_string(target.port));
    line("stall_limit", std::to_string(target.stall_limit.count()));
    for (const NetworkDisk& disk : target.network_disks)
      line("network_disk", encode(disk));
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_ =
      "# What kdump-capture does in the capture kernel. Made by kdumpctl: do not edit.\n";
};

}  // namespace

bool TargetPlan::is_remote() const {
  return kind == TargetKind::nfs || kind == TargetKind::ssh || kind == TargetKind::sftp;
}

bool TargetPlan::needs_network() const {
  return is_remote() || !network_disks.empty();
}

const std::string& TargetPlan::name() const {
  return kind == TargetKind::filesystem && !device.empty() && !is_virtiofs(*this) ? device
                                                                                  : described;
}

std::string places_of(const CapturePlan& plan) {
  std::string text;
  for (const TargetPlan& target : plan.targets) {
    if (!text.empty()) text += ", else to ";
    text += target.name();
    if (!target.directory.empty()) text += " in " + target.directory;
  }
  return text;
}

std::string_view name_of(FailureAction action) {
  return name_in(kFailureActionNames, action);
}

std::string_view name_of(FinalAction action) {
  return name_in(kFinalActionNames, action);
}

std::string encode(const CapturePlan& plan) {
  PlanWriter out;
  out.line("version", "2");
  out.line("image", name_in(kImageKindNames, plan.image));
  out.line("naming", plan.naming);
  out.line("hostname", plan.hostname);
  out.line("core_collector", plan.core_collector);
  out.line("failure_action", name_of(plan.failure_action));
  out.line("final_action", name_of(plan.final_action));
  out.line("keep_free", std::to_string(plan.keep_free));
  std::vector<std::string> answers;
  for (const WhenShort answer : plan.when_short)
    answers.emplace_back(name_in(kWhenShortNames, answer));
  out.line("when_short", answers);
  out.line("capture_limit", std::to_string(plan.capture_limit.count()));
  out.line("hook_limit", std::to_string(plan.hook_limit.count()));
  out.texts(kHookTexts, plan.hooks);
  if (!plan.fence_kdump.empty()) out.line("fence_kdump", plan.fence_kdump);
  for (const InterfacePlan& interface : plan.network.interfaces)
    out.line("interface", encode(interface));
  for (const RoutePlan& route : plan.network.routes)
    out.line("route", encode(route));
  for (const TargetPlan& target : plan.targets)
    out.target(target);
  out.line("end", std::vector<std::string>());
  return out.take();
}

Result<CapturePlan> decode_capture_plan(std::string_view text, const std::string& where) {
  return PlanReader(text, where).read();
}

}  // namespace kdump
