// The files of the Boot Loader Specification, loader/entries/*.conf: lines of key and value, which
// systemd-boot, RHEL's GRUB and zipl boot from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/crashkernel/boot_entry.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct LoaderEntry {
  std::string file, text;
  BootEntry entry;
};

// All entries that boot Linux, newest first, as menus show them. Empty if there are none.
Result<std::vector<LoaderEntry>> read_loader_entries(const HostPaths& paths);

// Edits the lines `options` of such a file.
std::string edit_loader_entry(std::string_view text, const std::vector<ParameterEdit>& edits);

}  // namespace kdump
