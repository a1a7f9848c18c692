// Everything that can be set, as one plain struct. The files of this folder fill it and check every
// value on the way, so whoever holds a Settings may trust it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

enum class FailureAction { reboot, halt, poweroff, shell, dump_to_rootfs };
enum class FinalAction { reboot, halt, poweroff };

// force_rebuild and force_no_rebuild of kdump.conf; they exclude each other.
enum class Rebuild { when_needed, always, never };

// `ext4 UUID=…` in kdump.conf: a file system that is named, not found through `path`.
struct FilesystemTarget {
  std::string type;    // ext2 ext3 ext4 xfs btrfs minix
  std::string device;  // /dev/…, UUID=…, LABEL=…, PARTUUID=…, as written
};

struct Settings {
  std::optional<FilesystemTarget> target;   // none: the file system that holds `path`
  std::string path = "/var/crash";          // absolute, without "." and ".."
  std::vector<std::string> core_collector;  // argv; never empty after load
  FailureAction failure_action = FailureAction::reboot;
  FinalAction final_action = FinalAction::reboot;
  Rebuild rebuild = Rebuild::when_needed;
};

struct LoadedSettings {
  Settings settings;
  // What an admin should change although it works: whole sentences that open with file and line.
  std::vector<std::string> warnings;
};

// Reads and checks RHEL's line format. The error names file and line and says what to write
// instead. A directive of the format that this version cannot do is Errc::unsupported, never
// skipped.
Result<LoadedSettings> load_kdump_conf(const std::string& file = "/etc/kdump.conf");

}  // namespace kdump
