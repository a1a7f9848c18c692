#include "makedump/panic_line.h"

#include <algorithm>
#include <array>

namespace kdump {

namespace {

// The log is what anybody printed to it: a line is cut here.
constexpr size_t kLongest = 200;

// Only at the start of a message, so that what quotes them (a daemon's words in /dev/kmsg open with
// its name) is not taken for the real thing.
constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
constexpr std::string_view kOops = "Oops: ";
constexpr std::array<std::string_view, 12> kCauses = {
    "BUG: ",
    "kernel BUG at ",
    "sysrq: Trigger a crash",
    "sysrq: SysRq : Trigger a crash",
    "SysRq : Trigger a crash",
    "watchdog: BUG: ",
    "NMI watchdog: ",
    "general protection fault",
    "Unable to handle kernel ",
    "Internal error: ",
    "PANIC: ",
    "Kernel BUG at ",
};
// An "Oops: 0002 [#1]" belongs to the cause a few lines above it; further away it is one by itself.
constexpr unsigned kLinesOfOneOops = 8;

// "[   12.345678][   T77] text" → "text"
std::string_view without_stamps(std::string_view line) {
  for (int stamp = 0; stamp < 2 && line.starts_with('['); ++stamp) {
    const size_t end = line.find(']');
    if (end == std::string_view::npos || end > 24) break;
    line.remove_prefix(end + 1);
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kLongest));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c == 0x7f; }, ' ');
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

}  // namespace

void PanicLine::see(std::string_view line) {
  if (since_cause_ < kLinesOfOneOops) ++since_cause_;
  const std::string_view text = without_stamps(line);
  const auto opens = [text](std::string_view words) { return text.starts_with(words); };
  if (opens(kPanic)) {
    panic_ = printable(text);
  } else if (std::any_of(kCauses.begin(), kCauses.end(), opens) ||
             (opens(kOops) && (cause_.empty() || since_cause_ == kLinesOfOneOops))) {
    cause_ = printable(text);
    since_cause_ = 0;
  }
}

const std::string& PanicLine::text() const {
  // These say only that an oops, which was told before, was the end; and a kernel that has a crash
  // image loaded may jump into it before it says anything of a panic.
  for (const std::string_view empty_words : {"Fatal exception", "sysrq triggered crash"})
    if (!cause_.empty() && panic_.starts_with(std::string(kPanic).append(empty_words)))
      return cause_;
  return panic_.empty() ? cause_ : panic_;
}

}  // namespace kdump
