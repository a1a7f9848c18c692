// GRUB's two ends: /etc/default/grub, a shell file that people edit, and grub.cfg, which is made
// from it and says what boots.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/crashkernel/boot_entry.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

// One NAME=value of a shell file: where its value is in the text.
struct ShellAssignment {
  std::string name;
  size_t line = 0;            // from 1
  size_t begin = 0, end = 0;  // of the value, inside its quotes if it has some
  char quote = '\0';          // ", ' or none
  bool editable = true;       // false: put together from several pieces
};

// Comments are skipped; values may go over several lines.
std::vector<ShellAssignment> find_assignments(std::string_view text,
                                              const std::vector<std::string_view>& names);

// The text with this assignment's value (inside the quotes) replaced. A value without quotes gets
// some. Positions of later assignments move.
std::string replace_value(std::string_view text, const ShellAssignment& assignment,
                          std::string_view value);

// The entries of a grub.cfg that boot Linux; `file` is where it is, below the root of `paths`.
// Recovery entries are left out.
std::vector<BootEntry> parse_grub_cfg(const HostPaths& paths, std::string_view text,
                                      const std::string& file);

}  // namespace kdump
