// What an ssh or sftp target means on this host: where it is, which key logs in, which host keys
// count; and what of it goes into the capture image.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "initramfs/image/image_recipe.h"
#include "makedump/base/result.h"
#include "makedump/sink/ssh_address.h"
#include "makedump/sink/ssh_keys.h"

namespace kdump {

struct SshTarget {
  SshAddress address;
  std::string key_file;   // on this host
  std::string directory;  // for dumps, over there
};

// The port may come from root's ssh_config.
SshTarget ssh_target(const HostPaths& paths, const Settings& settings, const Target& target);

// The host keys that count for this address: the pinned ones, or, if none is, those that root's ssh
// trusts (~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts).
Result<KnownHosts> known_hosts_for(const HostPaths& paths, const SshAddress& address);
Result<KnownHosts> hosts_that_ssh_knows(const HostPaths& paths);

// The private key; the error says what to do when there is none.
Result<SshKey> read_target_key(const std::string& file);

// Completes the ssh and sftp targets of a plan (in the order of `settings`) with what the host's
// files say, and refuses what could not log in after a crash: no key, one that others may read or
// that has a passphrase, a host whose key nobody knows, a name that only ssh_config makes sense of.
Result<void> complete_ssh_targets(const HostPaths& paths, const Settings& settings,
                                  CapturePlan& plan);

// What these targets bring into the image: their keys, the host keys of their servers and no
// others, a seed of random numbers. Files that have to be made are in the state directory.
Result<std::vector<ExtraFile>> ssh_image_files(const HostPaths& paths, const Settings& settings,
                                               const CapturePlan& plan);

}  // namespace kdump
