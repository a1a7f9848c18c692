#include "initramfs/plan/manifest.h"

#include <nlohmann/json.hpp>

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

// makedump read a hostile vmcore before it wrote this.
constexpr int kDeepest = 8;

Json parse_part(const std::string& text) {
  const auto not_too_deep = [](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    return depth <= kDeepest;
  };
  Json part = Json::parse(text, not_too_deep, false);
  return part.is_object() ? part : Json::object();
}

}  // namespace

std::string complete_manifest(const std::vector<std::string>& parts, const CaptureRecord& record) {
  Json manifest = {{"format", 1}, {"version", KDUMP_VERSION}};
  manifest.update({{"id", record.id},
                   {"state", record.state},
                   {"error", record.error},
                   {"hostname", record.hostname},
                   {"test", record.test}});
  const Json own = manifest;
  for (const std::string& part : parts)
    manifest.update(parse_part(part));
  manifest.update(own);

  Json failed_before = Json::array();
  for (const auto& failure : record.failed_before)
    failed_before.push_back({{"target", failure.target}, {"error", failure.error}});
  Json tried = Json::array();
  for (const auto& failure : record.tried)
    tried.push_back({{"rung", failure.target}, {"error", failure.error}});
  Json hooks = Json::array();
  for (const HookRun& run : record.hooks)
    hooks.push_back({{"hook", run.hook},
                     {"program", run.program},
                     {"status", run.status},
                     {"error", run.error},
                     {"seconds", run.seconds}});
  manifest["capture"] = {{"target", record.target},
                         {"directory", record.directory},
                         {"failed_before", std::move(failed_before)},
                         {"rung", record.rung},
                         {"tried", std::move(tried)},
                         {"hooks", std::move(hooks)},
                         {"begin", record.begun},
                         {"end", record.ended},
                         {"least_available_kib", record.least_available_kib},
                         {"log_error", record.log_error}};
  return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kdump
