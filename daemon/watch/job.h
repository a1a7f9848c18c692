// kdumpctl as a child of kdumpd: whatever goes wrong in building and loading, in libraries or on a
// network, kdumpd goes on.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "daemon/watch/event_loop.h"
#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

struct JobEnd {
  int status = -1;         // exit status; -1 when it did not come to its end, and then:
  std::string problem;     // a clause, "kdumpctl _refresh was killed by signal 9"
  bool timed_out = false;  // it was killed by kdumpd, or should have been
  std::string output;      // what it wrote to stdout, 64 KiB at most
};

// One child at a time.
class Job {
 public:
  explicit Job(EventLoop& loop) : loop_(loop) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  // A child that still runs is asked to end (SIGTERM).
  ~Job();

  // Runs `argv` (argv[0] is the path) with this process's stderr and no stdin, in a process group
  // of its own. After `limit` the group is killed; a child that even survives that, as what hangs
  // in the kernel does, is reported all the same, but running() until it is gone.
  // `on_end` is called once. The error: it could not be started.
  Result<void> start(const std::vector<std::string>& argv, std::chrono::milliseconds limit,
                     std::function<void(const JobEnd&)> on_end);

  [[nodiscard]] bool running() const { return pid_ > 0; }

 private:
  void read_output();
  void kill_it();
  void finish(JobEnd end);

  EventLoop& loop_;
  pid_t pid_ = -1;
  std::string name_;  // for messages
  std::chrono::milliseconds limit_{0};
  bool killed_ = false;
  std::string output_;
  std::function<void(const JobEnd&)> on_end_;
  Fd pipe_;
  EventSource output_source_, end_source_, timer_;
};

}  // namespace kdump
