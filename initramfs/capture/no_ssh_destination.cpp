// For the program of images without ssh targets, which brings no libssh along.
#include "initramfs/capture/destination.h"

namespace kdump {

Result<std::unique_ptr<Destination>> make_ssh_destination(const TargetPlan& target,
                                                          const NetworkPlan& /*network*/,
                                                          WorkerState& /*state*/) {
  return Error(Errc::unsupported, target.name() + ": this image has no ssh");
}

}  // namespace kdump
