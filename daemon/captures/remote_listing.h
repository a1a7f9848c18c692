// What a server tells of the captures on it: gathered in a process apart from the one that shows
// it, so it crosses a pipe as text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/captures/capture_listing.h"
#include "makedump/base/result.h"

namespace kdump {

struct RemoteCapture {
  std::string name;
  bool ours = false;
  CaptureListing files;
  std::optional<std::string> manifest;
};

struct RemoteListing {
  std::vector<RemoteCapture> captures;
  std::vector<std::string> problems;  // sentences
};

std::string encode(const RemoteListing& listing);
Result<RemoteListing> decode_remote_listing(const std::string& text);

}  // namespace kdump
