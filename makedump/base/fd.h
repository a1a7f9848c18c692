// An owned file descriptor and the few whole-buffer operations that the project does on files.
#pragma once

#include <string>
#include <sys/types.h>
#include <utility>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"

namespace kdump {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  // Closes what is held. Errors of close(2) are ignored: whoever needs the data safe has called
  // fsync.
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; the error names the path.
Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0);

// These loop over short transfers and EINTR. `name` is what errors call the file.
// pread_some returns fewer bytes than asked only at the end of the file.
Result<size_t> pread_some(const Fd& fd, MutBytes into, FileOffset at, const std::string& name);
Result<void> pwrite_all(const Fd& fd, Bytes bytes, FileOffset at, const std::string& name);
Result<void> write_all(const Fd& fd, Bytes bytes, const std::string& name);

// A whole file, which may be of unknown size as in /proc and /sys; refused when longer than `limit`
// bytes.
Result<std::string> read_text_file(const std::string& path, size_t limit = size_t{1} << 20);

// Writes `text` to `path` in one write(2), as sysfs and procfs want it; the file must exist.
Result<void> write_existing_file(const std::string& path, std::string_view text);

// Publishes a small file atomically: temporary file beside it, mode, fsync, rename, fsync of the
// directory.
Result<void> publish_file(const std::string& path, Bytes content, mode_t mode);

// fsync of the directory that holds `path`, so that a rename in it survives a power cut.
Result<void> sync_parent_directory(const std::string& path);

}  // namespace kdump
