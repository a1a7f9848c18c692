#include "initramfs/image/support.h"

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

constexpr Gap kGaps[] = {
    {"fence_kdump_args",
     [](const Settings& s) { return !s.fence_kdump_args.empty() && s.fence_kdump_nodes.empty(); },
     "it needs fence_kdump_nodes: Pacemaker is not asked which nodes there are"},
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
