// The files of a capture's directory, looked at and removed without ever leaving it: directories
// for dumps may be writable by others, who may put links in the place of anything.
#pragma once

#include <string>
#include <sys/stat.h>

#include "daemon/captures/capture_listing.h"
#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

class CaptureFiles : public CaptureListing {
 public:
  // `name` in the directory `parent`; links are not followed. not_found if it is no directory.
  static Result<CaptureFiles> open(const Fd& parent, const std::string& name,
                                   const std::string& path);

  [[nodiscard]] const struct stat& status() const { return status_; }  // of the directory

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
};

// A capture's directory by its path, the way to it trusted, the last step not.
struct OpenCapture {
  Fd parent;
  std::string name;
  CaptureFiles files;
};
Result<OpenCapture> open_capture(const std::string& directory);

}  // namespace kdump
