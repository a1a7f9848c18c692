#include <cstring>

#include "makedump/base/result.h"

namespace kdump {

namespace {

Errc errc_of(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::no_space;
    case ENOMEM:
      return Errc::no_memory;
    case ETIMEDOUT:
      return Errc::timed_out;
    default:
      return Errc::io;
  }
}

}  // namespace

Error::Error(Errc code, std::string what, int sys_errno)
    : code_(code), sys_errno_(sys_errno), message_(std::move(what)) {
  if (sys_errno_ != 0) {
    message_ += ": ";
    message_ += std::strerror(sys_errno_);
  }
}

Error Error::from_errno(std::string what, int sys_errno) {
  return {errc_of(sys_errno), std::move(what), sys_errno};
}

Error Error::context(const std::string& clause) && {
  message_.insert(0, clause + ": ");
  return std::move(*this);
}

int exit_status(Errc code) {
  switch (code) {
    case Errc::usage:
    case Errc::bad_input:
    case Errc::unsupported:
    case Errc::not_found:
    case Errc::exists:
    case Errc::io:
    case Errc::no_space:
    case Errc::too_big:
    case Errc::no_memory:
    case Errc::timed_out:
      return 1;  // scripts written for makedumpfile and kdumpctl know 1 as "failed", whatever the
                 // cause
    case Errc::internal:
      return 70;  // EX_SOFTWARE
  }
  return 70;
}

}  // namespace kdump
