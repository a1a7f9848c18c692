#include "makedump/sink/ssh_watchdog.h"

#include <sys/socket.h>

namespace kdump {

SocketWatchdog::SocketWatchdog(Fd socket)
    : socket_(std::move(socket)), thread_([this] { watch(); }) {}

SocketWatchdog::~SocketWatchdog() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool SocketWatchdog::fired() const {
  const std::lock_guard lock(mutex_);
  return fired_;
}

void SocketWatchdog::give_up() {
  (void)::shutdown(socket_.get(), SHUT_RDWR);
}

std::optional<SocketWatchdog::Clock::time_point> SocketWatchdog::set(
    std::optional<Clock::time_point> deadline) {
  std::optional<Clock::time_point> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(deadline_, deadline);
    // The thread sleeps until the deadline that it saw last. It finds a later one by itself then,
    // so that a dump of a million writes does not wake it a million times.
    if (!deadline || (wakes_at_ && *wakes_at_ <= *deadline)) return before;
  }
  changed_.notify_one();
  return before;
}

void SocketWatchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    if (!deadline_ || fired_) {
      wakes_at_.reset();
      changed_.wait(lock);
      continue;
    }
    if (Clock::now() >= *deadline_) {
      fired_ = true;
      (void)::shutdown(socket_.get(), SHUT_RDWR);
      continue;
    }
    wakes_at_ = deadline_;
    (void)changed_.wait_until(lock, *wakes_at_);
  }
}

}  // namespace kdump
