#include "daemon/captures/capture_files.h"

#include <algorithm>
#include <array>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "initramfs/plan/manifest.h"

namespace kdump {

namespace {

// More files than any capture has; a directory with a million of them is somebody's joke.
constexpr size_t kMostFiles = 1000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// '0' in the pattern is a digit, '?' a dash or a colon.
bool matches(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '0'   ? !is_digit(text[i])
        : pattern[i] == '?' ? text[i] != '-' && text[i] != ':'
                            : text[i] != pattern[i])
      return false;
  }
  return true;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Debian's "dump.202611232127"
bool is_stamped(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && all_digits(name.substr(prefix.size()));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

bool is_capture_name(std::string_view name) {
  constexpr std::string_view kTest = "kdump-test-";
  if (name.starts_with(kTest)) {
    const std::string_view id = name.substr(kTest.size());
    return !id.empty() &&
           std::all_of(id.begin(), id.end(), [](char c) { return is_digit(c) || c == '-'; });
  }
  for (size_t at = 0; at < name.size(); ++at)
    if (matches(name.substr(at), "2000-00-00-00?00")) return true;
  // Debian: YYYYMMDDHHMM, behind the host's name or address on a shared target.
  const std::string_view stamp = name.substr(name.rfind('-') + 1);
  return stamp.size() == 12 && all_digits(stamp) && stamp.starts_with("20");
}

bool is_capture_file(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNames = {
      "vmcore",           "vmcore-incomplete",
      "vmcore.flat",      "vmcore-incomplete.flat",
      "vmcore-dmesg.txt", "vmcore-dmesg-incomplete.txt",
      kManifestName,      "vmcore.json.new",
      "kexec-dmesg.log",  "dump-incomplete",
      "dmesg.txt",        "opalcore",
      "README.txt",
  };
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         is_stamped(name, "dump.") || is_stamped(name, "dmesg.");
}

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
    if (files.files_.size() == kMostFiles)
      return Error(Errc::not_found, path + ": more files than a capture has");
    CaptureFile file;
    file.name = entry_name;
    if (::fstatat(files.directory_.get(), entry->d_name, &file.status, AT_SYMLINK_NOFOLLOW) == 0)
      files.files_.push_back(std::move(file));
  }
  return files;
}

const CaptureFile* CaptureFiles::find(std::string_view name) const {
  const auto file = std::find_if(files_.begin(), files_.end(), [name](const CaptureFile& each) {
    return each.name == name && S_ISREG(each.status.st_mode);
  });
  return file == files_.end() ? nullptr : &*file;
}

const CaptureFile* CaptureFiles::dump() const {
  for (const char* name : {"vmcore", "vmcore.flat"})
    if (const CaptureFile* file = find(name)) return file;
  const auto file = std::find_if(files_.begin(), files_.end(), [](const CaptureFile& each) {
    return is_stamped(each.name, "dump.") && S_ISREG(each.status.st_mode);
  });
  return file == files_.end() ? nullptr : &*file;
}

const CaptureFile* CaptureFiles::incomplete_dump() const {
  for (const char* name : {"vmcore-incomplete", "vmcore-incomplete.flat", "dump-incomplete"})
    if (const CaptureFile* file = find(name)) return file;
  return nullptr;
}

bool CaptureFiles::has_log() const {
  return std::any_of(files_.begin(), files_.end(), [](const CaptureFile& file) {
    return file.name == "vmcore-dmesg.txt" || file.name == "vmcore-dmesg-incomplete.txt" ||
           file.name == "dmesg.txt" || is_stamped(file.name, "dmesg.");
  });
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
  for (const CaptureFile& file : files_)
    if (!S_ISREG(file.status.st_mode) || !is_capture_file(file.name))
      return Error(Errc::exists, path_ + ": holds " + file.name +
                                     ", which no capture leaves behind: not removed");
  // What is left when this is cut short must not look like a complete capture: the dump goes first.
  std::vector<const CaptureFile*> order;
  if (const CaptureFile* first = dump()) order.push_back(first);
  for (const CaptureFile& file : files_)
    if (order.empty() || &file != order.front()) order.push_back(&file);
  for (const CaptureFile* file : order)
    if (::unlinkat(directory_.get(), file->name.c_str(), 0) != 0 && errno != ENOENT)
      return Error::from_errno(path_ + "/" + file->name + ": remove");
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
