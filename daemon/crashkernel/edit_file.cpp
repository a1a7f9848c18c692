#include "daemon/crashkernel/edit_file.h"

#include <array>
#include <filesystem>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

Result<void> replace_text_file(const std::string& path, const std::string& text) {
  constexpr char kLabel[] = "security.selinux";
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(path, failed);
  const std::string real = failed ? path : resolved.string();

  struct stat before {};
  const bool existed = ::stat(real.c_str(), &before) == 0;
  std::array<char, 4096> label{};
  const ssize_t label_bytes =
      existed ? ::getxattr(real.c_str(), kLabel, label.data(), label.size()) : -1;

  constexpr mode_t kNewFile = 0644;
  KDUMP_TRY(publish_file(real, as_bytes(text), existed ? before.st_mode & 07777 : kNewFile));
  if (!existed) return {};
  // File systems without owners (the EFI partition) refuse, and have nothing to keep.
  if (::geteuid() != before.st_uid || ::getegid() != before.st_gid)
    (void)!::chown(real.c_str(), before.st_uid, before.st_gid);
  if (label_bytes > 0)
    (void)::setxattr(real.c_str(), kLabel, label.data(), static_cast<size_t>(label_bytes), 0);
  return {};
}

}  // namespace kdump
