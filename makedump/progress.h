// One line of progress a second on stderr: a person who waits for a capture wants to see it move.
#pragma once

#include <chrono>
#include <cstdint>

namespace kdump {

class Progress {
 public:
  // `shown` false: stays silent. `total` pages are to be stored.
  Progress(uint64_t total, bool shown);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `written`: bytes of the output so far.
  void update(uint64_t pages_done, uint64_t written);

 private:
  using Clock = std::chrono::steady_clock;
  const uint64_t total_;
  const bool shown_;
  const bool terminal_;
  const Clock::time_point begin_;
  Clock::time_point last_;
  bool shown_once_ = false;
  bool line_open_ = false;
};

}  // namespace kdump
