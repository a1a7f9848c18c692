// The encrypted volumes that targets stand on: what unlocking them after a crash costs in memory,
// and under which name their keys can be handed over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct LuksVolume {
  std::string uuid;        // of its header: "0123abcd-…"
  std::string device;      // kernel name of what is encrypted: "vda3"
  uint64_t kdf_bytes = 0;  // what deriving its key takes: Argon2's memory; 0 for LUKS1 and PBKDF2
};

// Of all local targets, found through mounts and sysfs, whatever is between (LVM, md). Targets that
// are not there are passed over: arming tells about them.
std::vector<LuksVolume> luks_volumes(const HostPaths& paths, const Settings& settings);

// Argon2's memory from a LUKS2 header, bytes; the largest of its key slots. 0 for anything else.
uint64_t luks_kdf_bytes(const std::string& device_file);

// The option of crypttab(5) by which systemd links a volume's key to where kdump finds it.
std::string link_volume_key_option(const LuksVolume& volume);

}  // namespace kdump
