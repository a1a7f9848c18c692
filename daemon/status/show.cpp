#include "daemon/status/show.h"

#include <nlohmann/json.hpp>

#include "daemon/arm/arm.h"
#include "daemon/status/host_status.h"
#include "initramfs/image/image_choice.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

void add(std::string& text, std::string word, const std::string& what) {
  word.resize(16, ' ');
  text += word + what + "\n";
}

// "path: default, targets: /etc/kdump.conf:3"; only what somebody has set.
std::string origins_text(const LoadedSettings& loaded) {
  std::string text;
  for (const auto& [name, origin] : loaded.origins)
    text += (text.empty() ? "" : ", ") + name + " (" + origin + ")";
  return text.empty() ? "nothing: all defaults" : text;
}

// Which image, and why.
std::string image_kind(const Settings& settings, const CapturePlan& plan) {
  const std::string why = why_dracut(plan);
  if (plan.image == ImageKind::dracut)
    return "dracut" + (why.empty() ? ", as the policy says" : ": " + why);
  return settings.image_kind == ImageKind::native
             ? "native, as the policy says"
             : "native: what the target needs is a device and a file system, no more";
}

std::string describe(const TargetPlan& target) {
  std::string text = target.name();
  if (!target.filesystem.empty())
    text += " (" + target.filesystem +
            (target.mount_options.empty() ? "" : ", " + target.mount_options) + ")";
  if (!target.address.empty()) text += " at " + target.address;
  return target.directory.empty() ? text : text + ", directory " + target.directory;
}

}  // namespace

Shown show_arming(const Host& host) {
  Shown shown;
  Json json = {{"format", 1}, {"ok", false}, {"problem", ""}};
  const auto fail = [&](const Error& error) {
    add(shown.text, "problem", error.message());
    json["problem"] = error.message();
  };

  const auto loaded = load_settings(host.paths.config_files());
  if (loaded) {
    Json targets = Json::array();
    for (const Target& target : loaded->settings.targets) {
      add(shown.text, "target",
          name_of(loaded->settings, target) + " (" +
              (target.origin.empty() ? "default" : target.origin) + ")");
      targets.push_back({{"target", name_of(loaded->settings, target)}, {"origin", target.origin}});
    }
    add(shown.text, "set", origins_text(*loaded));
    json["targets"] = std::move(targets);
    json["origins"] = loaded->origins;
  } else {
    fail(loaded.error());
  }
  if (const auto plan = loaded ? plan_arming(host) : loaded.error(); plan) {
    shown.ok = true;
    json["ok"] = true;
    std::string collector;
    for (const std::string& word : plan->capture.core_collector)
      collector += (collector.empty() ? "" : " ") + word;
    add(shown.text, "kernel", plan->kernel.path);
    add(shown.text, "image", plan->image);
    add(shown.text, "image kind", image_kind(plan->settings, plan->capture));
    add(shown.text, "command line", plan->command_line);
    add(shown.text, "length",
        std::to_string(plan->command_line.size()) + " of at most " +
            std::to_string(plan->kernel.command_line_size) + " bytes");
    for (const TargetPlan& target : plan->capture.targets)
      add(shown.text, &target == &plan->capture.targets.front() ? "dumps go to" : "else to",
          describe(target));
    add(shown.text, "saved with", collector);
    add(shown.text, "afterwards",
        std::string(name_of(plan->capture.final_action)) + ", if no dump was saved " +
            std::string(name_of(plan->capture.failure_action)));
    add(shown.text, "reserved", human_bytes(plan->reserved));
    json["kernel"] = plan->kernel.path;
    json["image"] = plan->image;
    json["image_kind"] = plan->capture.image == ImageKind::dracut ? "dracut" : "native";
    json["command_line"] = plan->command_line;
    json["command_line_limit"] = plan->kernel.command_line_size;
    Json targets = Json::array();
    for (const TargetPlan& target : plan->capture.targets)
      targets.push_back({{"target", target.described},
                         {"device", target.device},
                         {"filesystem", target.filesystem},
                         {"mount_options", target.mount_options},
                         {"address", target.address},
                         {"directory", target.directory},
                         {"stall_limit", target.stall_limit.count()}});
    json["capture"] = {{"targets", std::move(targets)},
                       {"core_collector", plan->capture.core_collector},
                       {"final_action", name_of(plan->capture.final_action)},
                       {"failure_action", name_of(plan->capture.failure_action)}};
    json["reserved_bytes"] = plan->reserved;
  } else if (loaded) {
    fail(plan.error());
  }
  shown.json = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return shown;
}

}  // namespace kdump
