// Encrypted volumes whose keys the dead kernel has left in the reserved memory (Linux 6.16 with
// CONFIG_CRASH_DM_CRYPT): the capture kernel puts them into root's keyring when it is told to, and
// cryptsetup takes them from there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "initramfs/capture/supervisor.h"
#include "makedump/base/result.h"

namespace kdump {

// Name of a volume's key in keyrings, on both sides: RHEL's, as its crypttab may have it already.
inline std::string volume_key_name(const std::string& uuid) {
  return "kdump-cryptsetup:vk-" + uuid;
}

// Where this is done; not as here in tests only.
struct UnlockPlaces {
  std::string configfs = "/sys/kernel/config";
  std::string cryptsetup;  // "": where programs are
  std::string mapper = "/dev/mapper";
  std::string keys = "/proc/keys";
};

// Opens each volume that there is a key for, as soon as it is there; one that is open already is
// left alone. All are tried; the error is the first one's. Nothing to do is no error.
Result<void> unlock_volumes(WorkerState& state, const UnlockPlaces& places = {});

// The UUIDs of volumes whose keys are in a text like /proc/keys.
std::vector<std::string> volumes_with_keys(std::string_view proc_keys);

}  // namespace kdump
