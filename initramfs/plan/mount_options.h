// Mount options as they stand in fstab and mountinfo: comma-separated text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

// A comma inside double quotes belongs to the value (SELinux contexts are written so).
std::vector<std::string> split_mount_options(std::string_view options);

// "subvol" in "rw,subvol=/@" is "/@".
std::optional<std::string> mount_option_value(std::string_view options, std::string_view name);

// Of the options that the healthy system mounts with, those that mean something to the capture
// kernel: writable, no policy of a security module (none is loaded there), no quota (accounting may
// want modules and minutes), nothing that is meant for mount(8) or systemd.
std::string options_for_capture(std::string_view options);

struct MountOptions {
  unsigned long flags = 0;  // MS_…
  std::string data;         // what is left for the file system
};

// As mount(2) wants them.
MountOptions parse_mount_options(std::string_view options);

}  // namespace kdump
