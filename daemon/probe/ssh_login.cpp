#include "daemon/probe/ssh_login.h"

namespace kdump {

Result<SshSession> log_in_with_key(const SshTarget& target, const KnownHosts& known,
                                   std::chrono::milliseconds limit) {
  KDUMP_TRY_ASSIGN(const SshKey key, read_target_key(target.key_file));
  return log_in_with_only(key, target.key_file, target.address, known, limit);
}

}  // namespace kdump
