#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/sink/sink.h"

namespace kdump {

namespace {

// Write-back is started this often, and waited for when this many stretches are on their way. Left
// to itself, the kernel lets dirty pages pile up to a fifth of memory before it writes, then writes
// and stalls in bursts; in a capture kernel of 100 MiB those are the pages that the last
// allocations before an out-of-memory kill would have needed. A disk is kept busy by far less.
constexpr uint64_t kStretch = uint64_t{4} << 20;
constexpr uint64_t kStretchesUnderWay = 4;

const char* kind_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFBLK:
      return "a block device";
    case S_IFCHR:
      return "a character device";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "no regular file";
  }
}

// What stands under the final name already, if it stands in the way.
Result<void> check_final_name(const std::string& path, bool overwrite) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno(path);
  }
  if (!S_ISREG(status.st_mode)) {
    // Renaming over a device node or a link would silently replace it by a file.
    return Error(Errc::unsupported,
                 path + ": is " + kind_name(status.st_mode) + ", a dump is written to a file");
  }
  if (!overwrite) return Error(Errc::exists, path + ": exists already");
  return {};
}

// Whoever writes a dump holds a lock on it, so that a second run cannot take the file away from
// under the first and see its own, unfinished one published.
bool is_being_written(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool is_in_memory(const Fd& fd) {
  struct statfs status {};
  if (::fstatfs(fd.get(), &status) != 0) return false;
  const auto type = static_cast<unsigned long>(status.f_type);
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}

class FileSink final : public Sink {
 public:
  FileSink(Fd fd, std::string path, bool overwrite)
      : fd_(std::move(fd)),
        path_(std::move(path)),
        temporary_(incomplete_name(path_)),
        overwrite_(overwrite),
        writes_back_(!is_in_memory(fd_)) {}

  [[nodiscard]] const std::string& name() const override { return temporary_; }

  Result<void> write_at(FileOffset at, Bytes bytes) override {
    const auto end = checked_add(at.v, bytes.size());
    if (!end || *end > static_cast<uint64_t>(INT64_MAX))
      return Error(Errc::internal, temporary_ + ": write at " + hex(at) + ": no such offset");
    KDUMP_TRY(pwrite_all(fd_, bytes, at, temporary_));
    size_ = std::max(size_, *end);
    written_ = std::max(written_, *end);
    if (writes_back_) return write_back_behind();
    return {};
  }

  Result<void> extend_to(uint64_t bytes) override {
    if (bytes <= size_) return {};
    if (bytes > static_cast<uint64_t>(INT64_MAX) ||
        ::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0)
      return Error::from_errno(temporary_ + ": extend to " + human_bytes(bytes));
    size_ = bytes;
    return {};
  }

  Result<void> secure() override {
    if (::fsync(fd_.get()) != 0) return Error::from_errno(temporary_ + ": fsync");
    return sync_parent_directory(path_);
  }

  Result<void> commit() override {
    if (::fsync(fd_.get()) != 0) return Error::from_errno(temporary_ + ": fsync");
    KDUMP_TRY(publish());
    return sync_parent_directory(path_);
  }

  void discard() override { (void)::unlink(temporary_.c_str()); }

 private:
  // Page data comes in the order of the file, so what lies before the highest byte is written for
  // good but for headers and descriptors; those are few, and commit() syncs everything.
  Result<void> write_back_behind() {
    while (written_ - started_ >= kStretch) {
      KDUMP_TRY(write_back(started_, SYNC_FILE_RANGE_WRITE));
      started_ += kStretch;
      if (started_ - finished_ <= kStretch * kStretchesUnderWay) continue;
      KDUMP_TRY(write_back(finished_, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                          SYNC_FILE_RANGE_WAIT_AFTER));
      // Nobody reads the dump again before the reboot.
      (void)::posix_fadvise(fd_.get(), static_cast<off_t>(finished_), kStretch,
                            POSIX_FADV_DONTNEED);
      finished_ += kStretch;
    }
    return {};
  }

  // Advice to a file system, which may be unable to; commit() is left then. What it tells here of a
  // write that failed, fsync need not tell again.
  Result<void> write_back(uint64_t from, unsigned flags) const {
    if (::sync_file_range(fd_.get(), static_cast<off_t>(from), kStretch, flags) == 0) return {};
    if (errno == EINVAL || errno == ENOSYS || errno == ESPIPE || errno == EOPNOTSUPP) return {};
    return Error::from_errno(temporary_ + ": write");
  }

  Result<void> publish() {
    if (!overwrite_) {
      if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0)
        return {};
      if (errno == EEXIST) return Error(Errc::exists, path_ + ": exists already");
      if (errno != EINVAL && errno != ENOSYS)
        return Error::from_errno(path_ + ": rename from " + temporary_);
      // Not every file system (NFS, for one) can refuse by itself; asking first is what is left.
    }
    KDUMP_TRY(check_final_name(path_, overwrite_));
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return Error::from_errno(path_ + ": rename from " + temporary_);
    return {};
  }

  Fd fd_;
  const std::string path_;
  const std::string temporary_;
  const bool overwrite_;
  const bool writes_back_;  // tmpfs has nowhere to write to
  uint64_t size_ = 0;       // of the file
  uint64_t written_ = 0;    // one past the highest byte written
  uint64_t started_ = 0;    // write-back was begun up to here,
  uint64_t finished_ = 0;   // and is over up to here
};

}  // namespace

std::string incomplete_name(const std::string& path) {
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  size_t dot = path.rfind('.');
  // ".vmcore" has no extension; "dir.d/vmcore" neither.
  if (dot == std::string::npos || dot <= name) dot = path.size();
  return path.substr(0, dot) + "-incomplete" + path.substr(dot);
}

Result<std::unique_ptr<Sink>> open_file_sink(const std::string& path,
                                             const FileSinkOptions& options) {
  if (path.empty() || path.back() == '/')
    return Error(Errc::usage, "'" + path + "': not the name of a file");
  KDUMP_TRY(check_final_name(path, options.overwrite));

  const std::string temporary = incomplete_name(path);
  if (is_being_written(temporary))
    return Error(Errc::exists, temporary + ": another program is writing it");
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno(temporary + ": remove what an earlier run left");
  KDUMP_TRY_ASSIGN(Fd fd, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  (void)::flock(fd.get(), LOCK_EX | LOCK_NB);  // some file systems have no locks
  return std::unique_ptr<Sink>(std::make_unique<FileSink>(std::move(fd), path, options.overwrite));
}

}  // namespace kdump
