#include "initramfs/mount_nfs.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

#include "initramfs/capture_log.h"
#include "initramfs/network.h"
#include "initramfs/nfs_options.h"

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

Result<void> mount_nfs(const TargetPlan& target, const std::string& mount_point,
                       WorkerState& state) {
  const NfsMount mount{target.address, local_address_towards(target.address), target.stall_limit};
  const auto start = steady_clock::now();
  for (bool told = false;; told = true) {
    int error = 0;
    for (const std::string& version : nfs_versions(target.mount_options)) {
      state.doing(("mounting " + target.device).c_str(), kMountLimit);
      const std::string data = nfs_mount_data(target.mount_options, version, mount);
      if (::mount(target.device.c_str(), mount_point.c_str(), "nfs",
                  MS_NOSUID | MS_NODEV | MS_NOEXEC, data.c_str()) == 0)
        return {};
      error = errno;
      if (error != EPROTONOSUPPORT && error != EINVAL) break;
    }
    const std::string what = "mounting nfs " + target.device + " from " + target.address +
                             hint_for(error, mount.client_address);
    if (!may_pass(error) || steady_clock::now() - start >= kAskLimit)
      return Error::from_errno(what, error);
    if (!told) say_warning(Error::from_errno(what, error).message() + ": trying on for a minute");
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
