#include "makedump/progress.h"

#include <cstdio>
#include <unistd.h>

namespace kdump {

Progress::Progress(uint64_t total, bool shown)
    : total_(total),
      shown_(shown),
      terminal_(::isatty(STDERR_FILENO) == 1),
      begin_(Clock::now()),
      last_(begin_) {}

Progress::~Progress() {
  if (line_open_) (void)std::fputc('\n', stderr);
}

namespace {
constexpr std::chrono::milliseconds kEvery{1000}, kFirst{300};
}

void Progress::update(uint64_t pages_done, uint64_t written) {
  if (!shown_) return;
  const auto now = Clock::now();
  // The first line comes sooner: whoever waits sees that something moves.
  if (now - last_ < (shown_once_ ? kEvery : kFirst)) return;
  shown_once_ = true;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double share =
      total_ == 0 ? 1 : static_cast<double>(pages_done) / static_cast<double>(total_);
  const double left = share > 0 ? seconds / share - seconds : 0;
  constexpr double kMiB = 1 << 20;
  const double mib = static_cast<double>(written) / kMiB;
  // On a terminal the line is written over; elsewhere each is one line of a log.
  (void)std::fprintf(
      stderr, "%smakedump: %3.0f %% of %llu pages, %.1f MiB, %.1f MiB/s, about %.0f s to go%s",
      terminal_ ? "\r" : "", share * 100, static_cast<unsigned long long>(total_), mib,
      seconds > 0 ? mib / seconds : 0, left, terminal_ ? "  " : "\n");
  line_open_ = terminal_;
}

}  // namespace kdump
