// A limit in time for whatever libssh does: many of its calls wait without end for a server that
// has stopped to answer, and take no time limit. When the limit is over, the connection is shut
// down under the call, which then fails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "makedump/base/fd.h"

namespace kdump {

class SocketWatchdog {
  using Clock = std::chrono::steady_clock;

 public:
  // `socket` is a duplicate of the one that libssh uses; it is the watchdog's own.
  explicit SocketWatchdog(Fd socket);
  SocketWatchdog(const SocketWatchdog&) = delete;
  SocketWatchdog& operator=(const SocketWatchdog&) = delete;
  ~SocketWatchdog();

  // Armed as long as this lives. One inside another counts instead of it, and then the outer one
  // does again, with the deadline that it had.
  class Guard {
   public:
    Guard(SocketWatchdog& watchdog, std::optional<Clock::time_point> deadline)
        : watchdog_(watchdog), outer_(watchdog.set(deadline)) {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { (void)watchdog_.set(outer_); }

   private:
    SocketWatchdog& watchdog_;
    std::optional<Clock::time_point> outer_;
  };
  [[nodiscard]] Guard expect_within(std::chrono::milliseconds limit) {
    return {*this, Clock::now() + limit};
  }

  // The connection was shut down: nothing more will come of it.
  [[nodiscard]] bool fired() const;
  // Shuts it down now, so that whatever libssh still does with it ends at once.
  void give_up();

 private:
  std::optional<Clock::time_point> set(std::optional<Clock::time_point> deadline);
  void watch();

  Fd socket_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Clock::time_point> deadline_;
  std::optional<Clock::time_point> wakes_at_;  // the thread's sleep ends then; none: when told
  bool fired_ = false, ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace kdump
