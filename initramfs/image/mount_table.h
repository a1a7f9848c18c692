// libmount's tables, owned, and its texts, which may be missing.
#pragma once

#include <libmount.h>
#include <memory>
#include <string>

namespace kdump {

struct UnrefMountTable {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
};
using MountTable = std::unique_ptr<libmnt_table, UnrefMountTable>;

// Empty for a file that cannot be read: errno says why.
inline MountTable read_mount_table(const char* path) {
  return MountTable(mnt_new_table_from_file(path));
}

inline std::string text_or_empty(const char* text) {
  return text ? text : "";
}

}  // namespace kdump
