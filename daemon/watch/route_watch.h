// Tells when addresses or routes of this host change, for targets that are reached through the
// network. Only opened when there is one: on many hosts these change all day.
#pragma once

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

class RouteWatch {
 public:
  static Result<RouteWatch> open();

  // Readable when something happened.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Whether something changed since the last call that a capture kernel would notice; never waits.
  // The neighbours, and routes and addresses of the link or the host alone, do not count.
  bool take_changes();

 private:
  explicit RouteWatch(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace kdump
