// Logging in at an SSH target as the capture kernel will: with one key, at a host whose key is
// known.
#pragma once

#include <chrono>

#include "daemon/arm/ssh_files.h"
#include "makedump/base/result.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

// Logs in with the key and nothing else.
Result<SshSession> log_in_with_key(const SshTarget& target, const KnownHosts& known,
                                   std::chrono::milliseconds limit);

}  // namespace kdump
