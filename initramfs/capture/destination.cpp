#include "initramfs/capture/destination.h"

namespace kdump {

Result<std::unique_ptr<Destination>> make_destination(const TargetPlan& target,
                                                      const NetworkPlan& network,
                                                      WorkerState& state) {
  switch (target.kind) {
    case TargetKind::filesystem:
    case TargetKind::nfs:
      return make_mounted_destination(target, state);
    case TargetKind::raw:
      return make_raw_destination(target, state);
    case TargetKind::ssh:
    case TargetKind::sftp:
      return make_ssh_destination(target, network, state);
    case TargetKind::path:
      break;
  }
  return Error(Errc::unsupported, target.name() + ": this image cannot write there");
}

}  // namespace kdump
