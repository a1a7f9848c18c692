// The keys of encrypted disks that dumps go to: nobody types a passphrase on a dead machine.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "initramfs/image/image_recipe.h"
#include "makedump/base/result.h"

namespace kdump {

struct DiskKeys {
  std::vector<ExtraFile> files;  // key files that crypttab(5) names: they go into the image
  // UUIDs of volumes whose keys the kernel hands to the capture kernel in its reserved memory:
  // Linux 6.16 with CONFIG_CRASH_DM_CRYPT, after 'kdumpctl setup-crypttab'.
  std::vector<std::string> handed_over;
  std::vector<std::string> warnings;
};

// For the LUKS volumes that targets stand on. The error says why one could not be unlocked in the
// capture kernel, and what to do. `reserved`: bytes for the crash kernel.
Result<DiskKeys> disk_keys(const HostPaths& paths, const Settings& settings, uint64_t reserved);

// Tells the kernel which keys it is to hand over, those and no others: it copies them when a crash
// image is loaded, from root's keyring, where systemd has left them. Nothing is done, and nothing
// is wrong, on a kernel that cannot when there are none.
Result<void> hand_over_keys(const HostPaths& paths, const std::vector<std::string>& uuids);

}  // namespace kdump
