// What is in a capture's directory, wherever that is, and what the names of its files say.
#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

// Names that our captures have, or RHEL's, Debian's or SUSE's: "127.0.0.1-2026-11-23-21:27:35",
// "kdump-test-1795210055-1", "202611232127", "2026-11-23-21-27".
bool is_capture_name(std::string_view name);

// Of a file that a capture of any of these leaves behind.
bool is_capture_file(std::string_view name);

// More files than any capture has; a directory with a million of them is somebody's joke.
inline constexpr size_t kMostCaptureFiles = 1000;

struct CaptureFile {
  std::string name;
  struct stat status {};  // of a link: its own
};

class CaptureListing {
 public:
  CaptureListing() = default;
  explicit CaptureListing(std::vector<CaptureFile> files) : files_(std::move(files)) {}

  [[nodiscard]] const std::vector<CaptureFile>& files() const { return files_; }
  // A regular file of it.
  [[nodiscard]] const CaptureFile* find(std::string_view name) const;
  // The dump under its final name: vmcore, vmcore.flat, or Debian's dump.STAMP.
  [[nodiscard]] const CaptureFile* dump() const;
  [[nodiscard]] const CaptureFile* incomplete_dump() const;
  [[nodiscard]] bool has_log() const;
  // It is a capture's, and not only by its name.
  [[nodiscard]] bool holds_capture() const;

  // The names of all files, in the order in which they are to be removed; the error, which opens
  // with `path`, when there is anything that no capture leaves behind: somebody put it there to
  // keep it.
  [[nodiscard]] Result<std::vector<std::string>> removal_order(const std::string& path) const;

 protected:
  std::vector<CaptureFile> files_;
};

}  // namespace kdump
