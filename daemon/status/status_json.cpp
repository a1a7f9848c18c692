// HostStatus for programs. docs/status.md documents every key.
#include <nlohmann/json.hpp>

#include "daemon/status/host_status.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

const char* name_of_armed(Armed armed) {
  switch (armed) {
    case Armed::yes:
      return "yes";
    case Armed::with_older_image:
      return "with_older_image";
    case Armed::no:
      break;
  }
  return "no";
}

Json arming_json(const std::optional<ArmingState>& arming) {
  if (!arming) return nullptr;
  return {{"at", arming->at},           {"action", arming->action},
          {"ok", arming->ok},           {"armed", name_of_armed(arming->armed)},
          {"summary", arming->summary}, {"reason", arming->reason}};
}

Json memory_json(const HostStatus& status) {
  Json parts = Json::array();
  Json json = {{"reserved_bytes", nullptr}, {"needed_bytes", nullptr}, {"enough", nullptr}};
  if (status.reserved) json["reserved_bytes"] = *status.reserved;
  if (status.memory) {
    json["needed_bytes"] = status.memory->needed;
    json["enough"] = status.memory->enough();
    for (const MemoryNeed::Part& part : status.memory->parts)
      parts.push_back({{"what", part.what}, {"bytes", part.bytes}, {"source", part.source}});
  }
  json["parts"] = std::move(parts);
  return json;
}

Json size_json(const std::optional<DumpSize>& size) {
  if (!size) return nullptr;
  return {{"likely_bytes", size->likely}, {"at_most_bytes", size->at_most},
          {"memory_bytes", size->memory}, {"pages_bytes", size->pages},
          {"level", size->options.level}, {"codec", size->options.codec},
          {"ratio", size->ratio},         {"ratio_of", size->ratio_of}};
}

Json target_json(const TargetStatus& state) {
  Json json = {{"target", state.name}, {"origin", state.origin}, {"proved_at", nullptr},
               {"ok", nullptr},        {"problem", ""},          {"free_bytes", nullptr},
               {"roomy", nullptr}};
  if (state.proof) {
    json["proved_at"] = state.proof->at;
    json["ok"] = state.proof->ok;
    json["problem"] = state.proof->problem;
    if (state.proof->free_bytes) json["free_bytes"] = *state.proof->free_bytes;
  }
  if (state.roomy) json["roomy"] = *state.roomy;
  return json;
}

Json capture_json(const Capture& capture) {
  return {{"id", capture.id},       {"directory", capture.directory},
          {"time", capture.at},     {"state", name_of(capture.state)},
          {"bytes", capture.bytes}, {"test", capture.test},
          {"panic", capture.panic}};
}

Json test_json(const std::optional<CrashTest>& test) {
  if (!test) return nullptr;
  return {{"state", name_of(test->state)},
          {"id", test->id},
          {"at", test->at},
          {"detail", test->detail},
          {"summary", describe(*test)}};
}

}  // namespace

std::string status_json(const HostStatus& status) {
  constexpr size_t kMostCaptures = 10;
  Json targets = Json::array(), captures = Json::array();
  for (const TargetStatus& target : status.targets)
    targets.push_back(target_json(target));
  for (size_t i = 0; i < std::min(status.captures.size(), kMostCaptures); ++i)
    captures.push_back(capture_json(status.captures[i]));
  Json json = {
      {"format", 1},
      {"now", status.now},
      {"operational", nullptr},
      {"why", status.why},
      {"arming", arming_json(status.arming)},
      {"config_problem", status.config_problem},
      {"config_warnings", status.config ? status.config->warnings : std::vector<std::string>()},
      {"image",
       {{"path", status.image.path},
        {"bytes", status.image.bytes},
        {"built_at", status.image.built_at},
        {"state", name_of(status.image.state)},
        {"reasons", status.image.reasons}}},
      {"memory", memory_json(status)},
      {"dump", size_json(status.size)},
      {"targets", std::move(targets)},
      {"crash_test", test_json(status.crash_test)},
      {"captures", std::move(captures)},
      {"captures_total", status.captures.size()},
      {"not_known", status.not_known},
  };
  if (status.operational) json["operational"] = *status.operational;
  // Names of files and panics of dead kernels need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kdump
