// Tells when another file system is where dumps go: one that is mounted over a directory, or is
// unmounted below it. The kernel says only that something was mounted somewhere, which hosts with
// containers do all day; what counts is whether these paths lie on another one now.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

// What holds `path` by the text of /proc/self/mountinfo: device, the directory of it that is
// mounted, and its type. The way to the path is gone as the kernel goes it, so that a mount below
// another one that hides it does not count. "" if nothing does.
std::string mount_that_holds(std::string_view mountinfo, std::string_view path);

class MountWatch {
 public:
  // What is mounted from now on is not missed, also if watch() comes later.
  static Result<MountWatch> open();

  // Has an exceptional condition (POLLPRI) when something was mounted or unmounted.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // These, and nothing else, from now on. Links in them are not followed.
  void watch(const std::vector<std::string>& paths);
  [[nodiscard]] bool is_watching() const { return !held_by_.empty(); }

  // Whether one of them lies on another file system than at the last call; never waits.
  bool take_changes();

 private:
  explicit MountWatch(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::string at_start_;                        // mountinfo, until the first watch()
  std::map<std::string, std::string> held_by_;  // path → mount_that_holds()
};

}  // namespace kdump
