// ssh and sftp targets: what the configuration says of them. What the host's ssh says (port, key,
// host keys) is added when arming, which knows where the host keeps its files.
#include "initramfs/image/target.h"

namespace kdump {

Result<TargetPlan> resolve_ssh_target(const Target& target, const std::string& path) {
  TargetPlan plan;
  plan.kind = target.kind;
  plan.user = target.user;
  plan.host = target.host;
  plan.port = target.port;
  plan.directory = path;
  return plan;
}

}  // namespace kdump
