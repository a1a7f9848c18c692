// How the capture kernel will log in at an SSH target: with one key, at a host whose key is known.
#pragma once

#include <chrono>
#include <string>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

struct SshTarget {
  SshAddress address;
  std::string key_file;   // on this host
  std::string directory;  // for dumps, over there
};

// What `target` (ssh or sftp) means on this host; the port may come from root's ssh_config.
SshTarget ssh_target(const HostPaths& paths, const Settings& settings, const Target& target);

// The host keys that count for this address: the pinned ones, or, if none is, those that root's ssh
// trusts (~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts).
Result<KnownHosts> known_hosts_for(const HostPaths& paths, const SshAddress& address);
Result<KnownHosts> hosts_that_ssh_knows(const HostPaths& paths);

// Logs in with the key and nothing else.
Result<SshSession> log_in_with_key(const SshTarget& target, const KnownHosts& known,
                                   std::chrono::milliseconds limit);

}  // namespace kdump
