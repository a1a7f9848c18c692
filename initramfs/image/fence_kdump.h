// fence_kdump: telling the other nodes of a cluster that this one is busy with its dump, so that
// they take it for fenced and leave it alone.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

inline constexpr char kFenceKdumpPath[] = "/usr/libexec/fence_kdump_send";  // in the image

// fence_kdump_send on this host; "" if it is not there.
std::string find_fence_kdump_send(const std::string& root = "");

// What the capture kernel runs; empty if no nodes are set. Nodes are named by their addresses, as
// the capture kernel can ask nobody for them.
Result<std::vector<std::string>> plan_fence_kdump(const Settings& settings);

}  // namespace kdump
