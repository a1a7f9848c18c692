#include "daemon/captures/remote_listing.h"

#include <nlohmann/json.hpp>

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

std::optional<CaptureFile> file_of(const Json& value) {
  if (!value.is_array() || value.size() != 4 || !value[0].is_string()) return std::nullopt;
  for (size_t i = 1; i < 4; ++i)
    if (!value[i].is_number_unsigned()) return std::nullopt;
  CaptureFile file;
  file.name = value[0].get<std::string>();
  file.status.st_mode = value[1].get<mode_t>();
  file.status.st_size = static_cast<off_t>(value[2].get<uint64_t>());
  file.status.st_mtime = static_cast<time_t>(value[3].get<uint64_t>());
  // SFTP does not tell how much of it are holes.
  file.status.st_blocks = (file.status.st_size + 511) / 512;
  return file;
}

std::optional<RemoteCapture> capture_of(const Json& value) {
  if (!value.is_object() || !value.contains("name") || !value["name"].is_string() ||
      !value.contains("ours") || !value["ours"].is_boolean() || !value.contains("files") ||
      !value["files"].is_array())
    return std::nullopt;
  RemoteCapture capture;
  capture.name = value["name"].get<std::string>();
  capture.ours = value["ours"].get<bool>();
  std::vector<CaptureFile> files;
  for (const Json& each : value["files"]) {
    auto file = file_of(each);
    if (!file) return std::nullopt;
    files.push_back(std::move(*file));
  }
  capture.files = CaptureListing(std::move(files));
  if (value.contains("manifest") && value["manifest"].is_string())
    capture.manifest = value["manifest"].get<std::string>();
  return capture;
}

}  // namespace

std::string encode(const RemoteListing& listing) {
  Json captures = Json::array();
  for (const RemoteCapture& capture : listing.captures) {
    Json files = Json::array();
    for (const CaptureFile& file : capture.files.files())
      files.push_back({file.name, file.status.st_mode, static_cast<uint64_t>(file.status.st_size),
                       static_cast<uint64_t>(file.status.st_mtime)});
    Json value = {{"name", capture.name}, {"ours", capture.ours}, {"files", std::move(files)}};
    if (capture.manifest) value["manifest"] = *capture.manifest;
    captures.push_back(std::move(value));
  }
  const Json all = {{"captures", std::move(captures)}, {"problems", listing.problems}};
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RemoteListing> decode_remote_listing(const std::string& text) {
  const Error nonsense(Errc::internal, "the listing of a server's captures makes no sense");
  const Json all = Json::parse(text, nullptr, false);
  if (!all.is_object() || !all.contains("captures") || !all["captures"].is_array() ||
      !all.contains("problems") || !all["problems"].is_array())
    return nonsense;
  RemoteListing listing;
  for (const Json& each : all["captures"]) {
    auto capture = capture_of(each);
    if (!capture) return nonsense;
    listing.captures.push_back(std::move(*capture));
  }
  for (const Json& problem : all["problems"])
    if (problem.is_string()) listing.problems.push_back(problem.get<std::string>());
  return listing;
}

}  // namespace kdump
