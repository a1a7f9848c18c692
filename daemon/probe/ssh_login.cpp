#include "daemon/probe/ssh_login.h"

namespace kdump {

SshTarget ssh_target(const HostPaths& paths, const Settings& settings, const Target& target) {
  SshTarget out;
  out.address.user = target.user;
  out.address.host = target.host;
  out.address.port = target.port;
  if (target.port == 0)
    out.address.port =
        ssh_config_port(target.host, {paths.root_ssh() + "/config", paths.global_ssh_config()});
  out.key_file = paths.root + (target.key.empty() ? settings.sshkey : target.key);
  out.directory = target.path.empty() ? settings.path : target.path;
  return out;
}

Result<KnownHosts> hosts_that_ssh_knows(const HostPaths& paths) {
  KnownHosts known;
  KDUMP_TRY(known.add_file(paths.root_known_hosts()));
  KDUMP_TRY(known.add_file(paths.global_known_hosts()));
  return known;
}

Result<KnownHosts> known_hosts_for(const HostPaths& paths, const SshAddress& address) {
  KnownHosts pinned;
  KDUMP_TRY(pinned.add_file(paths.pinned_hosts()));
  if (!pinned.keys_of(address).empty()) return pinned;
  return hosts_that_ssh_knows(paths);
}

Result<SshSession> log_in_with_key(const SshTarget& target, const KnownHosts& known,
                                   std::chrono::milliseconds limit) {
  auto key = SshKey::read(target.key_file);
  if (!key && key.error().code() == Errc::not_found)
    return Error(Errc::not_found, target.key_file +
                                      ": there is no such key: 'kdumpctl propagate' makes one and "
                                      "installs it on the target");
  if (!key) return std::move(key).error();
  return log_in_with_only(*key, target.key_file, target.address, known, limit);
}

}  // namespace kdump
