// Result<T>: a value, or an Error that says what went wrong, where, and what the caller can do.
//
// g++ 12 and clang 14 have no std::expected yet; the member names are the same so that it can take
// over. Nothing here throws. Folders below dump.cpp return Errors and never log them: main logs
// each once.
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kdump {

// What the caller can do about a failure. exit_status() in error.cpp maps each to a process status.
enum class Errc {
  usage,        // the request makes no sense: change the command line or the configuration
  bad_input,    // the input is not what it has to be: not an ELF, cut short, nonsense values
  unsupported,  // well-formed, but not something this program can do
  not_found,    // a file, device, symbol or host is not there
  exists,       // the output is already there and overwriting was not asked for
  io,           // the system refused a read, write, mount, …; sys_errno() has the reason
  no_space,     // the target is full
  too_big,      // it will not fit where it is to go: nothing was written
  no_memory,    // the memory budget does not allow it
  timed_out,    // nothing moved for too long
  internal,     // a broken promise between our own rooms: a bug
};

class [[nodiscard]] Error {
 public:
  // `what` is one clause without a final period; include path, host, address or offset.
  Error(Errc code, std::string what, int sys_errno = 0);

  // An io (or no_space / not_found / exists / no_memory, if errno says so) error: "what: No such
  // file or directory".
  static Error from_errno(std::string what, int sys_errno = errno);

  // Prepends a clause: Error("b").context("a") reads "a: b".
  Error context(const std::string& clause) &&;

  [[nodiscard]] Errc code() const { return code_; }
  [[nodiscard]] int sys_errno() const { return sys_errno_; }
  // The whole chain, outermost clause first, the system's own words last.
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  Errc code_;
  int sys_errno_;
  std::string message_;
};

// The process status for a failure of this kind. 0 is success; 1 any failure of makedumpfile's
// kind.
int exit_status(Errc code);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  // Precondition of value(), * and ->: has_value(). Of error(): !has_value().
  [[nodiscard]] T& value() & { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const Error& error() const& { return *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace kdump

#define KDUMP_CONCAT_(a, b) a##b
#define KDUMP_CONCAT(a, b) KDUMP_CONCAT_(a, b)

// Returns the error of a Result expression to the caller, or goes on.
#define KDUMP_TRY(expr)                                                              \
  do {                                                                               \
    if (auto kdump_try_ = (expr); !kdump_try_) return std::move(kdump_try_).error(); \
  } while (false)

// KDUMP_TRY_ASSIGN(auto x, f()): declares x from the value, or returns the error to the caller.
#define KDUMP_TRY_ASSIGN(lhs, expr) KDUMP_TRY_ASSIGN_(KDUMP_CONCAT(kdump_try_, __LINE__), lhs, expr)
#define KDUMP_TRY_ASSIGN_(tmp, lhs, expr)  \
  auto tmp = (expr);                       \
  if (!tmp) return std::move(tmp).error(); \
  lhs = std::move(tmp).value()
