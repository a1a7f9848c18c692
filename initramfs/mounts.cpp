#include "initramfs/mounts.h"

#include <algorithm>
#include <array>
#include <sys/mount.h>
#include <sys/stat.h>

namespace kdump {

namespace {

struct Flag {
  std::string_view name;
  unsigned long set, clear;
};

constexpr std::array kFlags = {
    Flag{"defaults", 0, 0},
    Flag{"rw", 0, MS_RDONLY},
    Flag{"ro", MS_RDONLY, 0},
    Flag{"nosuid", MS_NOSUID, 0},
    Flag{"suid", 0, MS_NOSUID},
    Flag{"nodev", MS_NODEV, 0},
    Flag{"dev", 0, MS_NODEV},
    Flag{"noexec", MS_NOEXEC, 0},
    Flag{"exec", 0, MS_NOEXEC},
    Flag{"sync", MS_SYNCHRONOUS, 0},
    Flag{"async", 0, MS_SYNCHRONOUS},
    Flag{"dirsync", MS_DIRSYNC, 0},
    Flag{"noatime", MS_NOATIME, 0},
    Flag{"atime", 0, MS_NOATIME},
    Flag{"nodiratime", MS_NODIRATIME, 0},
    Flag{"diratime", 0, MS_NODIRATIME},
    Flag{"relatime", MS_RELATIME, 0},
    Flag{"norelatime", 0, MS_RELATIME},
    Flag{"strictatime", MS_STRICTATIME, 0},
    Flag{"nostrictatime", 0, MS_STRICTATIME},
    Flag{"lazytime", MS_LAZYTIME, 0},
    Flag{"nolazytime", 0, MS_LAZYTIME},
};

}  // namespace

MountOptions parse_mount_options(std::string_view options) {
  MountOptions result;
  while (!options.empty()) {
    // A comma inside double quotes belongs to the value (SELinux contexts are written so).
    size_t end = 0;
    for (bool in_quotes = false; end < options.size() && (in_quotes || options[end] != ','); ++end)
      if (options[end] == '"') in_quotes = !in_quotes;
    const std::string_view option = options.substr(0, end);
    options.remove_prefix(std::min(end + 1, options.size()));
    if (option.empty()) continue;
    const auto flag = std::find_if(kFlags.begin(), kFlags.end(),
                                   [&](const Flag& known) { return known.name == option; });
    if (flag != kFlags.end()) {
      result.flags = (result.flags & ~flag->clear) | flag->set;
    } else {
      if (!result.data.empty()) result.data += ',';
      result.data += option;
    }
  }
  return result;
}

namespace {

// A subvolume decides where the dump goes: it is not one of the options that may be dropped.
std::string indispensable(const std::string& data) {
  std::string_view rest = data;
  while (!rest.empty()) {
    const std::string_view option = rest.substr(0, rest.find(','));
    if (option.starts_with("subvol=")) return std::string(option);
    rest.remove_prefix(std::min(option.size() + 1, rest.size()));
  }
  return "";
}

}  // namespace

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
