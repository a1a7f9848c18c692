// The loop that kdumpd sleeps in: sd-event, with callbacks that are functions of ours. Everything
// that can wake kdumpd is an EventSource, so "what wakes it?" is answered by who holds one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <sys/types.h>

#include "makedump/base/result.h"

struct sd_event;
struct sd_event_source;

namespace kdump {

// How a child process ended.
struct ChildEnd {
  bool exited = false;  // by itself; else killed by a signal
  int number = 0;       // exit status, or the signal
};

// One thing that is waited for. Not waited for any more once this is gone.
class EventSource {
 public:
  EventSource() = default;

 private:
  friend class EventLoop;
  struct Callback {
    std::function<void()> call;
    std::function<void(const ChildEnd&)> call_ended;
    std::unique_ptr<sd_event_source, void (*)(sd_event_source*)> source{nullptr, nullptr};
  };
  // On the heap, because sd-event keeps the address.
  std::unique_ptr<Callback> callback_;
};

class EventLoop {
 public:
  static Result<EventLoop> open();

  // `call` runs while there is something to read.
  Result<EventSource> on_readable(int fd, std::function<void()> call);
  // `call` runs when an exceptional condition is there (POLLPRI), which is how files of /proc and
  // sysfs tell that they say something else now. Once for each change.
  Result<EventSource> on_changed(int fd, std::function<void()> call);
  // The signal has to be blocked already.
  Result<EventSource> on_signal(int number, std::function<void()> call);
  // Once. SIGCHLD has to be blocked. Takes the child's exit status away from waitpid().
  Result<EventSource> on_end_of(pid_t child, std::function<void(const ChildEnd&)> call);
  // Once, `accuracy` later at most: timers of the whole system that may be late are put together.
  // Time that the machine sleeps counts.
  Result<EventSource> after(std::chrono::milliseconds delay, std::chrono::milliseconds accuracy,
                            std::function<void()> call);

  // Returns what quit() was called with.
  Result<int> run();
  void quit(int status);

  // For what brings its own callbacks (sd-device).
  [[nodiscard]] sd_event* get() const { return event_.get(); }

 private:
  Result<EventSource> on_io(int fd, uint32_t events, std::function<void()> call);

  std::unique_ptr<sd_event, void (*)(sd_event*)> event_{nullptr, nullptr};
};

}  // namespace kdump
