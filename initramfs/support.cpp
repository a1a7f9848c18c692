#include "initramfs/support.h"

#include <algorithm>

#include "config/core_collector.h"

namespace kdump {

namespace {

// One thing that cannot be done yet. Entries stand alone: delete the one that has become possible.
struct Gap {
  std::string_view setting;  // by the name that `origins` has it under
  bool (*asked_for)(const Settings& settings);
  std::string_view way_out;
};

constexpr std::string_view kNoHooks =
    "remove it: programs of the admin's are not run in the capture environment yet";
constexpr std::string_view kNoFence =
    "remove it: the cluster then fences this node while it saves its dump, so raise its fencing "
    "delay";

bool fails_to(const Settings& settings, FailureAction action) {
  return settings.failure_action == action;
}

constexpr Gap kGaps[] = {
    {"kdump_pre", [](const Settings& s) { return !s.kdump_pre.empty(); }, kNoHooks},
    {"kdump_post", [](const Settings& s) { return !s.kdump_post.empty(); }, kNoHooks},
    {"kdump_emergency", [](const Settings& s) { return !s.kdump_emergency.empty(); }, kNoHooks},
    {"extra_bins", [](const Settings& s) { return !s.extra_bins.empty(); }, kNoHooks},
    {"extra_modules", [](const Settings& s) { return !s.extra_modules.empty(); },
     "remove it: the modules that the target needs are found by themselves"},
    {"fence_kdump_nodes", [](const Settings& s) { return !s.fence_kdump_nodes.empty(); }, kNoFence},
    {"fence_kdump_args", [](const Settings& s) { return !s.fence_kdump_args.empty(); }, kNoFence},
    {"failure_action", [](const Settings& s) { return fails_to(s, FailureAction::shell); },
     "the capture environment has no shell yet: write reboot, halt or poweroff"},
    {"failure_action", [](const Settings& s) { return fails_to(s, FailureAction::dump_to_rootfs); },
     "the capture environment does not mount the root file system yet: write reboot, halt or "
     "poweroff"},
    {"core_collector",
     [](const Settings& s) {
       if (s.core_collector.empty()) return false;
       const std::string_view program = program_name(s.core_collector.front());
       return program != "makedumpfile" && program != "makedump";
     },
     "the capture image has makedumpfile (kdumpd's makedump) only: write "
     "'core_collector makedumpfile -l --message-level 7 -d 31'"},
};

Error refusal(const std::string& where, const std::string& what, std::string_view way_out) {
  return {Errc::unsupported, (where.empty() ? "" : where + ": ") + what +
                                 " is not supported by this version of kdumpd; " +
                                 std::string(way_out)};
}

std::string value_of(const Settings& settings, std::string_view setting) {
  if (setting == "failure_action")
    return fails_to(settings, FailureAction::shell) ? " shell" : " dump_to_rootfs";
  if (setting == "core_collector") return " " + settings.core_collector.front();
  return "";
}

}  // namespace

std::vector<Error> unsupported_settings(const LoadedSettings& loaded) {
  std::vector<Error> errors;
  const Settings& settings = loaded.settings;
  for (const Gap& gap : kGaps) {
    if (!gap.asked_for(settings)) continue;
    const auto origin = loaded.origins.find(std::string(gap.setting));
    errors.push_back(refusal(origin == loaded.origins.end() ? "" : origin->second,
                             std::string(gap.setting) + value_of(settings, gap.setting),
                             gap.way_out));
  }
  return errors;
}

Result<void> check_capture_support(const LoadedSettings& loaded) {
  std::vector<Error> errors = unsupported_settings(loaded);
  if (!errors.empty()) return std::move(errors.front());
  return {};
}

}  // namespace kdump
