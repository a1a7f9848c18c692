// Which captures are kept, and removing the others.
#pragma once

#include <vector>

#include "config/settings.h"
#include "daemon/captures/captures.h"
#include "makedump/base/fd.h"

namespace kdump {

struct Removal {
  size_t index = 0;  // in the captures that were judged
  std::string why;   // completes "removed: …"
};

// `captures` newest first, `now` in seconds since 1970. Each limit keeps the newest and gives up
// the rest. Never given up: the newest complete capture, whatever its age or size, what is not
// ours, and what is on a server and not complete.
std::vector<Removal> choose_removals(const std::vector<Capture>& captures,
                                     const Retention& retention, int64_t now);

// Removes the directory and all files of the capture; the error says what is in the way. Nothing
// that a capture did not leave behind is ever removed, and no link is followed.
Result<void> remove_capture(const HostPaths& paths, const Settings& settings,
                            const Capture& capture);

// Held by whoever removes, recovers or reports captures; waits up to `limit` for others.
Result<Fd> lock_captures(const HostPaths& paths, std::chrono::seconds limit);

}  // namespace kdump
