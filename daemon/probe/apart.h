// Work that may hang for ever, in a process of its own: who writes to a dead disk or waits for an
// NFS server that is gone sleeps in the kernel and cannot even be killed. The caller goes on
// without it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

// The child's way to say what it is about to do; each step has the time limit anew.
class Steps {
 public:
  Steps(Fd to, bool own_mounts) : to_(std::move(to)), own_mounts_(own_mounts) {}
  // "syncing /var/crash/x": what the message says did not end.
  void begin(const std::string& what) const;
  // What is mounted now is seen by this process only, and goes away with it.
  [[nodiscard]] bool has_own_mounts() const { return own_mounts_; }

 private:
  Fd to_;
  bool own_mounts_;
};

// What comes back: room on the target in bytes, if it tells.
using ApartWork = std::function<Result<std::optional<uint64_t>>(const Steps&)>;

// Runs `work` in a child: with no descriptor of the caller's but its messages, so that one that is
// left behind holds no lock; with mounts of its own, if it is root, that go away with it. timed_out
// names the step that did not end within `limit`.
Result<std::optional<uint64_t>> run_apart(const ApartWork& work, std::chrono::milliseconds limit);

// The same for work that has more to tell: any bytes, some MiB of them at most.
using ApartTextWork = std::function<Result<std::string>(const Steps&)>;
Result<std::string> run_apart_for_text(const ApartTextWork& work, std::chrono::milliseconds limit);

}  // namespace kdump
