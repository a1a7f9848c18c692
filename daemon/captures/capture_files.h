// The files of a capture's directory, looked at and removed without ever leaving it: directories
// for dumps may be writable by others, who may put links in the place of anything.
#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

// Names that our captures have, or RHEL's, Debian's or SUSE's: "127.0.0.1-2026-11-23-21:27:35",
// "kdump-test-1795210055-1", "202611232127", "2026-11-23-21-27".
bool is_capture_name(std::string_view name);

// Of a file that a capture of any of these leaves behind.
bool is_capture_file(std::string_view name);

struct CaptureFile {
  std::string name;
  struct stat status {};
};

class CaptureFiles {
 public:
  // `name` in the directory `parent`; links are not followed. not_found if it is no directory.
  static Result<CaptureFiles> open(const Fd& parent, const std::string& name,
                                   const std::string& path);

  [[nodiscard]] const std::vector<CaptureFile>& files() const { return files_; }
  [[nodiscard]] const struct stat& status() const { return status_; }  // of the directory
  [[nodiscard]] const CaptureFile* find(std::string_view name) const;
  // The dump under its final name: vmcore, vmcore.flat, or Debian's dump.STAMP.
  [[nodiscard]] const CaptureFile* dump() const;
  [[nodiscard]] const CaptureFile* incomplete_dump() const;
  [[nodiscard]] bool has_log() const;

  // A regular file of it, for reading.
  [[nodiscard]] Result<Fd> open_file(const std::string& name) const;
  // Up to `limit` bytes; bad_input if it is longer.
  [[nodiscard]] Result<std::string> read(const std::string& name, size_t limit) const;

  // Removes the directory with all that is in it, the dump first; refuses, and removes nothing,
  // when it holds anything that no capture leaves behind: somebody put it there to keep it.
  Result<void> remove_all(const Fd& parent, const std::string& name) const;

 private:
  Fd directory_;
  std::string path_;
  struct stat status_ {};
  std::vector<CaptureFile> files_;
};

// A capture's directory by its path, the way to it trusted, the last step not.
struct OpenCapture {
  Fd parent;
  std::string name;
  CaptureFiles files;
};
Result<OpenCapture> open_capture(const std::string& directory);

}  // namespace kdump
