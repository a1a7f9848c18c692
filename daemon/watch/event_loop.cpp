#include "daemon/watch/event_loop.h"

#include <csignal>
#include <ctime>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

namespace kdump {

namespace {

void drop_event(sd_event* event) {
  sd_event_unref(event);
}

void drop_source(sd_event_source* source) {
  // A source that is being dispatched outlives its last reference: it must not call us again.
  (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
  sd_event_source_unref(source);
}

Error loop_error(const char* what, int negative_errno) {
  return Error::from_errno(what, -negative_errno);
}

template <class Callback>
Callback& callback_of(void* data) {
  return *static_cast<Callback*>(data);
}

}  // namespace

Result<EventLoop> EventLoop::open() {
  sd_event* event = nullptr;
  if (const int error = sd_event_new(&event); error < 0)
    return loop_error("starting the event loop", error);
  EventLoop loop;
  loop.event_ = {event, drop_event};
  return loop;
}

Result<EventSource> EventLoop::on_readable(int fd, std::function<void()> call) {
  return on_io(fd, EPOLLIN, std::move(call));
}

Result<EventSource> EventLoop::on_changed(int fd, std::function<void()> call) {
  return on_io(fd, EPOLLPRI, std::move(call));
}

Result<EventSource> EventLoop::on_io(int fd, uint32_t events, std::function<void()> call) {
  EventSource out;
  out.callback_ = std::make_unique<EventSource::Callback>();
  out.callback_->call = std::move(call);
  sd_event_source* source = nullptr;
  const int error = sd_event_add_io(
      event_.get(), &source, fd, events,
      [](sd_event_source* /*source*/, int /*fd*/, uint32_t /*which*/, void* data) {
        // A copy: the callback may drop its own source, and with it what is being called.
        const auto called = callback_of<EventSource::Callback>(data).call;
        called();
        return 0;
      },
      out.callback_.get());
  if (error < 0) return loop_error("waiting for a file descriptor", error);
  out.callback_->source = {source, drop_source};
  return out;
}

Result<EventSource> EventLoop::on_signal(int number, std::function<void()> call) {
  EventSource out;
  out.callback_ = std::make_unique<EventSource::Callback>();
  out.callback_->call = std::move(call);
  sd_event_source* source = nullptr;
  const int error = sd_event_add_signal(
      event_.get(), &source, number,
      [](sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* data) {
        // A copy: the callback may drop its own source, and with it what is being called.
        const auto called = callback_of<EventSource::Callback>(data).call;
        called();
        return 0;
      },
      out.callback_.get());
  if (error < 0) return loop_error("waiting for signals", error);
  out.callback_->source = {source, drop_source};
  return out;
}

Result<EventSource> EventLoop::on_end_of(pid_t child, std::function<void(const ChildEnd&)> call) {
  EventSource out;
  out.callback_ = std::make_unique<EventSource::Callback>();
  out.callback_->call_ended = std::move(call);
  sd_event_source* source = nullptr;
  const int error = sd_event_add_child(
      event_.get(), &source, child, WEXITED,
      [](sd_event_source* /*source*/, const siginfo_t* info, void* data) {
        const ChildEnd end{.exited = info->si_code == CLD_EXITED, .number = info->si_status};
        const auto called = std::move(callback_of<EventSource::Callback>(data).call_ended);
        called(end);
        return 0;
      },
      out.callback_.get());
  if (error < 0) return loop_error("waiting for a child process", error);
  out.callback_->source = {source, drop_source};
  return out;
}

Result<EventSource> EventLoop::after(std::chrono::milliseconds delay,
                                     std::chrono::milliseconds accuracy,
                                     std::function<void()> call) {
  using std::chrono::microseconds;
  EventSource out;
  out.callback_ = std::make_unique<EventSource::Callback>();
  out.callback_->call = std::move(call);
  timespec now{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &now);
  const uint64_t usec = static_cast<uint64_t>(now.tv_sec) * 1'000'000 +
                        static_cast<uint64_t>(now.tv_nsec) / 1000 +
                        static_cast<uint64_t>(microseconds(delay).count());
  sd_event_source* source = nullptr;
  const int error = sd_event_add_time(
      event_.get(), &source, CLOCK_BOOTTIME, usec,
      static_cast<uint64_t>(microseconds(accuracy).count()),
      [](sd_event_source* /*source*/, uint64_t /*usec*/, void* data) {
        const auto called = std::move(callback_of<EventSource::Callback>(data).call);
        called();
        return 0;
      },
      out.callback_.get());
  if (error < 0) return loop_error("setting a timer", error);
  out.callback_->source = {source, drop_source};
  return out;
}

Result<int> EventLoop::run() {
  const int status = sd_event_loop(event_.get());
  if (status < 0) return loop_error("the event loop", status);
  return status;
}

void EventLoop::quit(int status) {
  (void)sd_event_exit(event_.get(), status);
}

}  // namespace kdump
