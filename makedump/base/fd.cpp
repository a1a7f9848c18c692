#include "makedump/base/fd.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace kdump {

void Fd::reset(int fd) {
  if (fd_ >= 0) (void)::close(fd_);
  fd_ = fd;
}

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return Error::from_errno(path);
  return fd;
}

Result<size_t> pread_some(const Fd& fd, MutBytes into, FileOffset at, const std::string& name) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t n =
        ::pread(fd.get(), into.data() + done, into.size() - done, static_cast<off_t>(at.v + done));
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(name + ": read at " + hex(at + done));
    }
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<void> pwrite_all(const Fd& fd, Bytes bytes, FileOffset at, const std::string& name) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(fd.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(at.v + done));
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(name + ": write at " + hex(at + done));
    }
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<void> write_all(const Fd& fd, Bytes bytes, const std::string& name) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(name + ": write");
    }
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  std::string text;
  constexpr size_t kStep = 16384;
  for (;;) {
    const size_t have = text.size();
    text.resize(have + kStep);
    const ssize_t n = ::read(fd.get(), text.data() + have, kStep);
    if (n < 0) {
      if (errno == EINTR) {
        text.resize(have);
        continue;
      }
      return Error::from_errno(path + ": read");
    }
    text.resize(have + static_cast<size_t>(n));
    if (n == 0) return text;
    if (text.size() > limit)
      return Error(Errc::bad_input, path + ": longer than " + human_bytes(limit));
  }
}

Result<void> write_existing_file(const std::string& path, std::string_view text) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_WRONLY));
  return write_all(fd, as_bytes(text), path);
}

Result<void> publish_file(const std::string& path, Bytes content, mode_t mode) {
  const std::string temporary = path + ".new";
  // A leftover of a run that was cut short must not block this one, nor be followed if it is a
  // link.
  (void)::unlink(temporary.c_str());
  {
    KDUMP_TRY_ASSIGN(const Fd fd, open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    auto written = write_all(fd, content, temporary);
    if (written && ::fchmod(fd.get(), mode) != 0)
      written = Error::from_errno(temporary + ": chmod");
    if (written && ::fsync(fd.get()) != 0) written = Error::from_errno(temporary + ": fsync");
    if (!written) {
      (void)::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = Error::from_errno(path + ": rename");
    (void)::unlink(temporary.c_str());
    return error;
  }
  return sync_parent_directory(path);
}

Result<void> sync_parent_directory(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  if (parent.empty()) parent = ".";
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(parent, O_RDONLY | O_DIRECTORY));
  // EINVAL: some file systems (FUSE, vfat of old) cannot sync a directory and have nothing to sync.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return Error::from_errno(parent + ": fsync");
  return {};
}

}  // namespace kdump
