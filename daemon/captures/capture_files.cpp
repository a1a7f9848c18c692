#include "daemon/captures/capture_files.h"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace kdump {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<CaptureFiles> CaptureFiles::open(const Fd& parent, const std::string& name,
                                        const std::string& path) {
  CaptureFiles files;
  files.path_ = path;
  files.directory_.reset(
      ::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!files.directory_) {
    if (errno == ENOTDIR || errno == ELOOP)
      return Error(Errc::not_found, path + ": not a directory");
    return Error::from_errno(path);
  }
  if (::fstat(files.directory_.get(), &files.status_) != 0) return Error::from_errno(path);
  const int copy = ::openat(files.directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return Error::from_errno(path);
  const std::unique_ptr<DIR, CloseDirectory> listing(::fdopendir(copy));
  if (!listing) {
    ::close(copy);
    return Error::from_errno(path);
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view entry_name = entry->d_name;
    if (entry_name == "." || entry_name == "..") continue;
    if (files.files_.size() == kMostCaptureFiles)
      return Error(Errc::not_found, path + ": more files than a capture has");
    CaptureFile file;
    file.name = entry_name;
    if (::fstatat(files.directory_.get(), entry->d_name, &file.status, AT_SYMLINK_NOFOLLOW) == 0)
      files.files_.push_back(std::move(file));
  }
  return files;
}

Result<Fd> CaptureFiles::open_file(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  // O_NONBLOCK: a FIFO in its place must not hold up anybody.
  Fd fd(::openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error::from_errno(path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(path);
  if (!S_ISREG(status.st_mode)) return Error(Errc::bad_input, path + ": not a file");
  return fd;
}

Result<std::string> CaptureFiles::read(const std::string& name, size_t limit) const {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(name));
  std::string text(limit + 1, '\0');
  KDUMP_TRY_ASSIGN(const size_t size,
                   pread_some(fd, std::as_writable_bytes(std::span(text.data(), text.size())),
                              FileOffset(0), path_ + "/" + name));
  if (size > limit)
    return Error(Errc::bad_input, path_ + "/" + name + ": longer than " + human_bytes(limit));
  text.resize(size);
  return text;
}

Result<void> CaptureFiles::remove_all(const Fd& parent, const std::string& name) const {
  KDUMP_TRY_ASSIGN(const std::vector<std::string> order, removal_order(path_));
  for (const std::string& file : order)
    if (::unlinkat(directory_.get(), file.c_str(), 0) != 0 && errno != ENOENT)
      return Error::from_errno(path_ + "/" + file + ": remove");
  if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0)
    return Error::from_errno(path_ + ": remove");
  return {};
}

Result<OpenCapture> open_capture(const std::string& directory) {
  const size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash + 1 == directory.size())
    return Error(Errc::usage, directory + ": not the path of a capture");
  OpenCapture capture;
  capture.name = directory.substr(slash + 1);
  KDUMP_TRY_ASSIGN(capture.parent, kdump::open_file(directory.substr(0, std::max<size_t>(slash, 1)),
                                                    O_RDONLY | O_DIRECTORY));
  KDUMP_TRY_ASSIGN(capture.files, CaptureFiles::open(capture.parent, capture.name, directory));
  return capture;
}

}  // namespace kdump
