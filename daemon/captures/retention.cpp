#include "daemon/captures/retention.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "daemon/captures/capture_files.h"
#include "daemon/captures/remote_captures.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

std::string days_text(std::chrono::seconds age) {
  constexpr int64_t kDay = 86400;
  const int64_t seconds = age.count();
  if (seconds % kDay == 0)
    return std::to_string(seconds / kDay) + (seconds == kDay ? " day" : " days");
  return std::to_string(seconds) + " s";
}

}  // namespace

std::vector<Removal> choose_removals(const std::vector<Capture>& captures,
                                     const Retention& retention, int64_t now) {
  std::vector<Removal> removals;
  bool have_complete = false;
  uint64_t kept = 0, bytes = 0;
  bool full = false;
  for (size_t i = 0; i < captures.size(); ++i) {
    const Capture& capture = captures[i];
    if (!capture.may_be_given_up()) continue;
    // It takes its place and its room like any other.
    const bool newest_complete = capture.state == Capture::State::complete && !have_complete;
    have_complete |= newest_complete;
    // From the first one that does not fit on, nothing older is kept: gaps would only confuse.
    full |= retention.max_bytes != 0 &&
            checked_add(bytes, capture.bytes).value_or(UINT64_MAX) > retention.max_bytes;
    std::string why;
    if (retention.keep != 0 && kept >= retention.keep)
      why = "the newest " + std::to_string(retention.keep) + " are kept";
    else if (full)
      why = human_bytes(retention.max_bytes) + " of the newest are kept";
    else if (retention.max_age.count() != 0 && capture.at < now - retention.max_age.count())
      why = "older than " + days_text(retention.max_age);
    if (why.empty() || newest_complete) {
      ++kept;
      bytes += capture.bytes;
    } else {
      removals.push_back({i, std::move(why)});
    }
  }
  return removals;
}

Result<void> remove_capture(const HostPaths& paths, const Settings& settings,
                            const Capture& capture) {
  if (capture.remote_target) return remove_remote_capture(paths, settings, capture);
  KDUMP_TRY_ASSIGN(const OpenCapture open, open_capture(capture.directory));
  if (!is_capture_name(open.name))
    return Error(Errc::usage, capture.directory + ": not the name of a capture: not removed");
  return open.files.remove_all(open.parent, open.name);
}

Result<Fd> lock_captures(const HostPaths& paths, std::chrono::seconds limit) {
  if (::mkdir(paths.state().c_str(), 0700) != 0 && errno != EEXIST)
    return Error::from_errno(paths.state());
  KDUMP_TRY_ASSIGN(Fd fd, open_file(paths.captures_lock(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return Error::from_errno(paths.captures_lock() + ": flock");
    if (std::chrono::steady_clock::now() >= deadline)
      return Error(Errc::timed_out, "another kdumpctl is at work on the captures (it holds " +
                                        paths.captures_lock() + ")");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return fd;
}

}  // namespace kdump
