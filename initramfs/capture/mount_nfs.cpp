#include "initramfs/capture/mount_nfs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/network.h"
#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/nfs_options.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kMountLimit{240};  // of one try: the kernel's own limits for connecting add up
constexpr seconds kAskLimit{60};     // until a server that refuses is given up

bool may_pass(int error) {
  constexpr std::array kPassing = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT,
                                   ECONNRESET,   EHOSTDOWN,    EAGAIN};
  return std::find(kPassing.begin(), kPassing.end(), error) != kPassing.end();
}

std::string hint_for(int error, const std::string& own_address) {
  switch (error) {
    case EACCES:
    case EPERM:
      return " (does the server export it, read-write, to " + own_address + "?)";
    case ENOENT:
      return " (the server has no such export)";
    case ECONNREFUSED:
      return " (the server is up, its NFS service is not)";
    case ENODEV:
      return " (the image has no module for NFS)";
    case EPROTONOSUPPORT:
      return " (the server does not speak this version of NFS)";
    default:
      return "";
  }
}

}  // namespace

Result<void> try_to_mount_nfs(const TargetPlan& target, const std::string& mount_point) {
  const NfsMount mount{target.address, local_address_towards(target.address), target.stall_limit};
  int error = 0;
  for (const std::string& version : nfs_versions(target.mount_options)) {
    const std::string data = nfs_mount_data(target.mount_options, version, mount);
    if (::mount(target.device.c_str(), mount_point.c_str(), "nfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                data.c_str()) == 0)
      return {};
    error = errno;
    if (error != EPROTONOSUPPORT && error != EINVAL) break;
  }
  return Error::from_errno("mounting nfs " + target.device + " from " + target.address +
                               hint_for(error, mount.client_address),
                           error);
}

Result<void> mount_nfs(const TargetPlan& target, const std::string& mount_point,
                       WorkerState& state) {
  const auto start = steady_clock::now();
  for (bool told = false;; told = true) {
    state.doing(("mounting " + target.device).c_str(), kMountLimit);
    auto mounted = try_to_mount_nfs(target, mount_point);
    if (mounted || !may_pass(mounted.error().sys_errno()) ||
        steady_clock::now() - start >= kAskLimit)
      return mounted;
    if (!told) say_warning(mounted.error().message() + ": trying on for a minute");
    std::this_thread::sleep_for(seconds(1));
  }
}

void let_go_of_nfs(const std::string& mount_point) {
  constexpr int kTries = 60;
  if (::fork() != 0) return;
  // Whoever is ended here may begin to write once more as it closes its files.
  for (int i = 0; i < kTries && (::umount2(mount_point.c_str(), MNT_FORCE) == 0 || errno == EBUSY);
       ++i)
    ::sleep(1);
  ::_exit(0);
}

}  // namespace kdump
