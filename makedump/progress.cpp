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

void Progress::pages_done(uint64_t done) {
  if (!shown_) return;
  const auto now = Clock::now();
  if (now - last_ < std::chrono::seconds(1)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double share = total_ == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total_);
  const double left = share > 0 ? seconds / share - seconds : 0;
  // On a terminal the line is written over; elsewhere each is one line of a log.
  (void)std::fprintf(stderr, "%smakedump: %3.0f %% of %llu pages, %.0f s, about %.0f s to go%s",
                     terminal_ ? "\r" : "", share * 100, static_cast<unsigned long long>(total_),
                     seconds, left, terminal_ ? "  " : "\n");
  line_open_ = terminal_;
}

}  // namespace kdump
