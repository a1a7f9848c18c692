#include "makedump/source/source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/source/elf_source.h"

namespace kdump {

namespace {

constexpr size_t kMaxViewBytes = size_t{64} << 10;  // the contract of PageReader::view

Result<uint64_t> file_size(const Fd& fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(path);
  if (S_ISREG(status.st_mode)) return static_cast<uint64_t>(status.st_size);
  if (S_ISBLK(status.st_mode)) {
    const off_t end = ::lseek(fd.get(), 0, SEEK_END);
    if (end < 0) return Error::from_errno(path);
    return static_cast<uint64_t>(end);
  }
  return Error(Errc::bad_input,
               path + (S_ISDIR(status.st_mode) ? ": is a directory, not a vmcore"
                                               : ": is not a file that can be read at any offset"));
}

// Of all that may hold a vmcore only procfs gives memory itself.
bool is_on_procfs(const Fd& fd) {
  struct statfs status {};
  return ::fstatfs(fd.get(), &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

bool begins_with(Bytes bytes, std::string_view magic) {
  return as_text(bytes).substr(0, magic.size()) == magic;
}

}  // namespace

Result<void> PageReader::read(PhysAddr addr, MutBytes into) {
  size_t done = 0;
  while (done < into.size()) {
    const size_t part = std::min(into.size() - done, kMaxViewBytes);
    KDUMP_TRY_ASSIGN(const Bytes bytes, view(addr + done, part));
    std::memcpy(into.data() + done, bytes.data(), part);
    done += part;
  }
  return {};
}

Result<std::unique_ptr<Source>> open_source(const std::string& path) {
  KDUMP_TRY_ASSIGN(Fd fd, open_file(path, O_RDONLY));
  KDUMP_TRY_ASSIGN(const uint64_t size, file_size(fd, path));
  std::array<std::byte, 16> head{};
  KDUMP_TRY_ASSIGN(const size_t got, pread_some(fd, head, FileOffset(0), path));
  const Bytes magic = Bytes(head).first(got);
  if (magic.empty()) return Error(Errc::bad_input, path + ": is empty");
  if (begins_with(magic, "\177ELF")) {
    const bool is_memory = is_on_procfs(fd);
    return open_elf_source(std::move(fd), path, size, is_memory);
  }
  if (begins_with(magic, "KDUMP   ") || begins_with(magic, "DISKDUMP"))
    return Error(Errc::unsupported,
                 path + ": is a kdump-compressed dump already; only ELF vmcores can be read");
  if (begins_with(magic, "makedumpfile"))
    return Error(Errc::unsupported,
                 path + ": is a flattened dump (makedumpfile -F); only ELF vmcores can be read");
  return Error(Errc::bad_input, path + ": is not a vmcore: no ELF header at 0x0");
}

}  // namespace kdump
