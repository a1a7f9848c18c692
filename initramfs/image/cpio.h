// The newc cpio archive that the kernel unpacks as its first root file system.
//
// Same content gives the same bytes: entries are sorted by path (a directory thus comes before what
// is in it), times are 0, inode numbers are counted.
#pragma once

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

class CpioArchive {
 public:
  // Paths are absolute; missing parents are made with mode 0755. Adding the same thing twice is
  // fine; something else under a path that is taken is Errc::exists.
  Result<void> add_directory(const std::string& path, mode_t permissions = 0755);
  Result<void> add_file(const std::string& path, mode_t permissions,
                        std::vector<std::byte> content);
  Result<void> add_symlink(const std::string& path, const std::string& target);
  Result<void> add_character_device(const std::string& path, mode_t permissions, unsigned major,
                                    unsigned minor);

  // What the files take once unpacked, each rounded up to whole pages: what the capture kernel has
  // to find memory for.
  [[nodiscard]] uint64_t unpacked_bytes() const;

  [[nodiscard]] std::vector<std::byte> encode() const;

 private:
  struct Entry {
    mode_t mode = 0;  // type and permissions, as in st_mode
    std::vector<std::byte> content;
    unsigned major = 0, minor = 0;
    bool operator==(const Entry&) const = default;
  };

  Result<void> add(const std::string& path, Entry entry);

  std::map<std::string, Entry> entries_;  // by path without the leading /
};

// One entry of an archive that is read back.
struct CpioFile {
  std::string path;  // absolute
  mode_t mode = 0;   // type and permissions, as in st_mode
  Bytes content;     // points into the archive; a link's target
};

// Everything in a newc archive, as it lies there. bad_input, with the offset, for what the kernel
// would not unpack or would unpack elsewhere: damage, a cut, "..", an entry twice. `name` is what
// errors call it.
Result<std::vector<CpioFile>> read_cpio(Bytes archive, const std::string& name);

}  // namespace kdump
