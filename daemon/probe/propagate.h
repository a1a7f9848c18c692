// `kdumpctl propagate`, step by step: a key pair of kdump's own, on the machine that dumps go to,
// whose host key is then known here.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "daemon/probe/ssh_login.h"
#include "makedump/base/result.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

struct PropagateOptions {
  SshKey::Type type = SshKey::Type::ed25519;  // of a key that has to be made
  bool accept_new = false;                    // an unknown host key is taken without asking
  std::string identity;  // private key file to log in with the first time; "" for the usual ones
  std::chrono::seconds limit{30};                // of a step
  SshAsk ask;                                    // a person, or a script's answers
  std::function<void(const std::string&)> tell;  // a line of what was done
};

// Does all of it for one ssh or sftp target, and ends with a login that uses the key alone. May be
// repeated: what is there already stays.
Result<void> propagate_key(const HostPaths& paths, const SshTarget& target, TargetKind kind,
                           const PropagateOptions& options);

// Writes the host's key to known_hosts of kdump, in place of others of that host.
Result<void> pin_host_key(const HostPaths& paths, const SshAddress& address,
                          const SshPublicKey& key);

}  // namespace kdump
