// Everything that can be set, as one plain struct. Files are parsed elsewhere in this folder;
// validate() is the only judge.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

enum class FailureAction { reboot, halt, poweroff, shell, dump_to_rootfs };
enum class FinalAction { reboot, halt, poweroff };

// `ext4 UUID=…` in kdump.conf: a file system that is named, not found through `path`.
struct FilesystemTarget {
  std::string type;    // ext2 ext3 ext4 xfs btrfs minix vfat …
  std::string device;  // /dev/…, UUID=…, LABEL=…, PARTUUID=…, as written
};

struct Settings {
  std::optional<FilesystemTarget> target;  // none: the file system that holds `path`
  std::string path = "/var/crash";
  std::vector<std::string> core_collector;  // argv; never empty after load
  FailureAction failure_action = FailureAction::reboot;
  FinalAction final_action = FinalAction::reboot;
};

// Reads and validates RHEL's line format. The error names file and line and says what to write
// instead. A directive of the format that this version cannot do is Errc::unsupported, never
// skipped.
Result<Settings> load_kdump_conf(const std::string& file = "/etc/kdump.conf");

}  // namespace kdump
