#include "daemon/captures/seen.h"

#include <nlohmann/json.hpp>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

std::optional<SeenCapture> seen_capture(const Json& value) {
  if (!value.is_object()) return std::nullopt;
  const auto notified = value.find("notified");
  const auto attempts = value.find("attempts");
  if (notified == value.end() || !notified->is_boolean() || attempts == value.end() ||
      !attempts->is_number_unsigned())
    return std::nullopt;
  return SeenCapture{notified->get<bool>(), attempts->get<unsigned>()};
}

}  // namespace

Result<std::optional<SeenCaptures>> read_seen(const HostPaths& paths) {
  const std::string path = paths.captures_seen();
  const auto text = read_text_file(path);
  if (!text) {
    if (text.error().code() == Errc::not_found) return std::optional<SeenCaptures>();
    return text.error();
  }
  const Json state = Json::parse(*text, nullptr, false);
  const Error damaged(Errc::bad_input, path + ": is damaged: remove it");
  if (!state.is_object() || !state.contains("captures") || !state["captures"].is_object())
    return damaged;
  SeenCaptures seen;
  for (const auto& [directory, value] : state["captures"].items()) {
    const auto capture = seen_capture(value);
    if (!capture) return damaged;
    seen.emplace(directory, *capture);
  }
  return std::optional(std::move(seen));
}

Result<void> write_seen(const HostPaths& paths, const SeenCaptures& seen) {
  Json captures = Json::object();
  for (const auto& [directory, capture] : seen)
    captures[directory] = {{"notified", capture.notified}, {"attempts", capture.attempts}};
  const Json state = {{"format", 1}, {"captures", std::move(captures)}};
  const std::string text = state.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return publish_file(paths.captures_seen(), as_bytes(text), 0600);
}

}  // namespace kdump
