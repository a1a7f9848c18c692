#include "initramfs/capture/mounts.h"

#include <array>
#include <sys/mount.h>
#include <sys/stat.h>

#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/mount_options.h"

namespace kdump {

namespace {

// A subvolume decides where the dump goes: it is not one of the options that may be dropped.
std::string indispensable(const std::string& data) {
  const auto subvolume = mount_option_value(data, "subvol");
  return subvolume ? "subvol=" + *subvolume : "";
}

}  // namespace

std::string target_mount_point(unsigned attempt) {
  return std::string(kTargetMountPoint) + "/" + std::to_string(attempt + 1);
}

Result<void> mount_target(const std::string& device, const std::string& mount_point,
                          const std::string& type, const std::string& options,
                          std::string& warning) {
  const MountOptions parsed = parse_mount_options(options);
  const auto try_mount = [&](unsigned long flags, const std::string& data) {
    return ::mount(device.c_str(), mount_point.c_str(), type.c_str(), flags, data.c_str()) == 0;
  };
  if (try_mount(parsed.flags, parsed.data)) return {};
  const int first_errno = errno;
  const std::string least = indispensable(parsed.data);
  if (first_errno == EINVAL && parsed.data != least && try_mount(0, least)) {
    warning = device + ": mounted without its usual options, which were refused: " + options;
    return {};
  }
  const char* hint = "";
  if (first_errno == ENODEV) hint = " (no driver for this file system in the image)";
  if (first_errno == EINVAL) hint = " (no such file system on it, or it is damaged)";
  return Error::from_errno("mounting " + device + " as " + type + hint, first_errno);
}

Result<void> mount_kernel_filesystems() {
  struct Mount {
    const char* type;
    const char* where;
    unsigned long flags;
  };
  constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  constexpr std::array kMounts = {Mount{"proc", "/proc", kSafe}, Mount{"sysfs", "/sys", kSafe},
                                  Mount{"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC}};
  for (const Mount& mount : kMounts) {
    (void)::mkdir(mount.where, 0755);
    // EBUSY: it is mounted there already.
    if (::mount(mount.type, mount.where, mount.type, mount.flags, nullptr) != 0 && errno != EBUSY)
      return Error::from_errno(std::string("mounting ") + mount.where);
  }
  return {};
}

}  // namespace kdump
