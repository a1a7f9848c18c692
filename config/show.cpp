#include "config/show.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "config/action_names.h"
#include "config/quantity.h"
#include "config/words.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

struct Shown {
  std::string name;
  std::string text;    // for people; "" for nothing
  Json value;          // for programs
  std::string origin;  // "" for a default
};

// Bytes of a file may be no UTF-8, which JSON has to be.
std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

class Collector {
 public:
  explicit Collector(const LoadedSettings& loaded) : loaded_(loaded) {}

  std::vector<Shown> collect() {
    const Settings& s = loaded_.settings;
    add_targets(s);
    text("path", s.path);
    words("core_collector", s.core_collector);
    text("failure_action", std::string(name_in(kFailureActionNames, s.failure_action)));
    text("final_action", std::string(name_in(kFinalActionNames, s.final_action)));
    flag("force_rebuild", s.rebuild == Rebuild::always, "1", "0");
    flag("force_no_rebuild", s.rebuild == Rebuild::never, "1", "0");
    text("sshkey", s.sshkey);
    text("kdump_pre", s.kdump_pre);
    text("kdump_post", s.kdump_post);
    text("kdump_emergency", s.kdump_emergency);
    words("extra_bins", s.extra_bins);
    words("extra_modules", s.extra_modules);
    text("dracut_args", s.dracut_args);
    words("fence_kdump_nodes", s.fence_kdump_nodes);
    text("fence_kdump_args", s.fence_kdump_args);
    flag("auto_reset_crashkernel", s.auto_reset_crashkernel, "yes", "no");
    add_policy(s);
    add_sysconfig(s.sysconfig);
    return std::move(all_);
  }

 private:
  void add(std::string name, std::string text, Json value) {
    const auto origin = loaded_.origins.find(name);
    all_.push_back({std::move(name), std::move(text), std::move(value),
                    origin == loaded_.origins.end() ? "" : origin->second});
  }

  void text(const std::string& name, const std::string& value) {
    add(name, value, value.empty() ? Json() : Json(value));
  }
  void words(const std::string& name, const std::vector<std::string>& value) {
    add(name, join_words(value), value);
  }
  void flag(const std::string& name, bool value, const char* yes, const char* no) {
    add(name, value ? yes : no, value);
  }
  void number(const std::string& name, int64_t value) { add(name, std::to_string(value), value); }
  void duration(const std::string& name, std::chrono::seconds value) {
    add(name, to_text(value), value.count());
  }
  void size(const std::string& name, uint64_t value) { add(name, size_text(value), value); }

  // One entry a target: what it is, and what is only its own.
  void add_targets(const Settings& settings) {
    for (const Target& target : settings.targets) {
      std::string what = target.kind == TargetKind::path && target.path.empty()
                             ? "path " + settings.path
                             : target.describe();
      Json value = {{"target", what}};
      const auto note = [&](const char* name, const std::string& own) {
        if (own.empty()) return;
        what.append(", ").append(name).append(" ").append(own);
        value[name] = own;
      };
      if (target.port != 0) {
        what += ", port " + std::to_string(target.port);
        value["port"] = target.port;
      }
      note("key", target.key);
      note("options", target.options);
      if (target.kind != TargetKind::path) note("path", target.path);
      if (target.stall_limit.count() != 0) {
        what += ", stall_limit " + to_text(target.stall_limit);
        value["stall_limit"] = target.stall_limit.count();
      }
      const auto number = static_cast<size_t>(&target - settings.targets.data());
      all_.push_back({"targets[" + std::to_string(number) + "]", std::move(what), std::move(value),
                      target.origin});
    }
  }

  void add_policy(const Settings& s) {
    duration("limits.stall", s.stall_limit);
    duration("limits.capture", s.capture_limit);
    duration("limits.hook", s.hook_limit);
    size("space.keep_free", s.keep_free);
    std::vector<std::string> order;
    for (const WhenShort what : s.when_short)
      order.emplace_back(name_in(kWhenShortNames, what));
    add("space.when_short", join_words(order, ", "), order);
    number("retention.keep", s.retention.keep);
    size("retention.max_bytes", s.retention.max_bytes);
    duration("retention.max_age", s.retention.max_age);
    text("naming", s.naming);
    text("image", std::string(name_in(kImageKindNames, s.image_kind)));
    std::vector<std::string> command;
    for (const std::string& word : s.notify_command)
      command.push_back(quoted_word(word));
    add("notify", join_words(command), s.notify_command);
    duration("prove_every", s.prove_every);
  }

  void add_sysconfig(const Sysconfig& s) {
    const auto optional = [this](const char* name, const std::optional<std::string>& value) {
      add(name, value ? "\"" + *value + "\"" : "", value ? Json(*value) : Json());
    };
    text("KDUMP_KERNELVER", s.kernel_release);
    text("KDUMP_COMMANDLINE", s.command_line);
    optional("KDUMP_COMMANDLINE_REMOVE", s.remove);
    optional("KDUMP_COMMANDLINE_APPEND", s.append);
    optional("FADUMP_COMMANDLINE_APPEND", s.fadump_append);
    text("KEXEC_ARGS", s.kexec_args);
    text("KDUMP_BOOTDIR", s.boot_directory);
    text("KDUMP_IMG", s.image);
    text("KDUMP_IMG_EXT", s.image_extension);
    flag("VMCORE_CREATION_NOTIFICATION", s.creation_notification, "yes", "no");
    number("KDUMP_STDLOGLVL", s.std_log_level);
    number("KDUMP_SYSLOGLVL", s.sys_log_level);
    number("KDUMP_KMSGLOGLVL", s.kmsg_log_level);
  }

  const LoadedSettings& loaded_;
  std::vector<Shown> all_;
};

}  // namespace

std::string settings_text(const LoadedSettings& loaded) {
  const std::vector<Shown> all = Collector(loaded).collect();
  size_t name_width = 0, text_width = 0;
  constexpr size_t kWidest = 60;  // what is longer pushes its origin to the right
  for (const Shown& shown : all) {
    name_width = std::max(name_width, shown.name.size());
    text_width = std::max(text_width, std::min(shown.text.size(), kWidest));
  }
  std::string out;
  for (const Shown& shown : all) {
    std::string line = shown.name;
    line.resize(name_width + 2, ' ');
    line += shown.text.empty() ? "-" : shown.text;
    line.resize(std::max(line.size(), name_width + 2 + text_width), ' ');
    out += line + "  " + (shown.origin.empty() ? "default" : shown.origin) + "\n";
  }
  return out;
}

std::string settings_json(const LoadedSettings& loaded) {
  Json settings = Json::object();
  for (Shown& shown : Collector(loaded).collect())
    settings[shown.name] = {{"value", std::move(shown.value)},
                            {"origin", shown.origin.empty() ? Json() : Json(shown.origin)}};
  return dumped({{"settings", std::move(settings)}, {"warnings", loaded.warnings}});
}

}  // namespace kdump
