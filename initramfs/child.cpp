#include "initramfs/child.h"

#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kCannotExec = 127;  // as shells say it

// Sizes and blocks of all files in a directory: grows with every write, also where the file got its
// final size at once.
uint64_t bytes_in(const std::string& directory) {
  DIR* dir = ::opendir(directory.c_str());
  if (!dir) return 0;
  uint64_t sum = 0;
  while (const dirent* entry = ::readdir(dir)) {
    struct stat info {};
    if (::fstatat(::dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode))
      sum += static_cast<uint64_t>(info.st_size) + static_cast<uint64_t>(info.st_blocks) * 512;
  }
  ::closedir(dir);
  return sum;
}

// utime + stime of all its threads, in clock ticks (fields 14 and 15 of proc_pid_stat(5)).
uint64_t cpu_ticks(pid_t pid) {
  const auto stat = read_text_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return 0;
  const size_t name_end = stat->rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field)
    fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  return user + system;
}

class LineReader {
 public:
  explicit LineReader(const std::function<void(const std::string&)>& on_line) : on_line_(on_line) {}

  void feed(std::string_view text) {
    for (const char c : text) {
      // A progress display ends its lines with \r.
      if (c == '\n' || c == '\r') {
        end_line();
      } else if (line_.size() < kLongest) {
        line_ += c;
      }
    }
  }

  void end_line() {
    if (line_.empty()) return;
    if (on_line_) on_line_(line_);
    last_ = std::move(line_);
    line_.clear();
  }

  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  static constexpr size_t kLongest = 900;
  const std::function<void(const std::string&)>& on_line_;
  std::string line_, last_;
};

// In the child, between fork and exec: nothing here may allocate.
[[noreturn]] void become(char* const* argv, int output) {
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // When memory runs out the kernel has to have somebody to kill who is not the one that goes on
  // afterwards.
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) (void)!::write(fd, "500", 3);
  ::execv(argv[0], argv);
  ::_exit(kCannotExec);
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) == kCannotExec) return "could not be started";
    return "failed with status " + std::to_string(WEXITSTATUS(status));
  }
  std::string text = "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
                     ::strsignal(WTERMSIG(status)) + ")";
  if (WTERMSIG(status) == SIGKILL) text += ", most likely for lack of memory: raise crashkernel=";
  return text;
}

// What it said last is why it ended, as a rule.
std::string told(const std::string& last_words, const std::string& how) {
  return last_words.empty() ? how : last_words + " (" + how + ")";
}

class Watch {
 public:
  Watch(pid_t pid, const ChildOptions& options)
      : pid_(pid), options_(options), bytes_(bytes_in(options.output_directory)) {}

  // Empty, or why the child is given up.
  std::string stalled() {
    const auto now = Clock::now();
    const uint64_t bytes = bytes_in(options_.output_directory);
    const uint64_t ticks = cpu_ticks(pid_);
    if (bytes != bytes_) wrote_ = now;
    if (bytes != bytes_ || ticks != ticks_) moved_ = now;
    bytes_ = bytes;
    ticks_ = ticks;
    if (now - moved_ >= options_.stall_limit)
      return "did nothing for " + std::to_string(options_.stall_limit.count()) +
             " s: the target or its driver hangs";
    if (now - wrote_ >= options_.silent_limit)
      return "wrote nothing for " + std::to_string(options_.silent_limit.count()) + " s";
    return "";
  }

 private:
  pid_t pid_;
  const ChildOptions& options_;
  uint64_t bytes_, ticks_ = 0;
  Clock::time_point moved_ = Clock::now(), wrote_ = moved_;
};

bool wait_for_end(pid_t pid, milliseconds limit, int& status, rusage& usage) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const pid_t got = ::wait4(pid, &status, WNOHANG, &usage);
    if (got == pid) return true;
    if (got < 0 && errno != EINTR) return true;
    if (Clock::now() >= deadline) return false;
    (void)::poll(nullptr, 0, 20);
  }
}

}  // namespace

Result<ChildUsage> run_child(const ChildOptions& options) {
  const std::string& program = options.argv.front();
  std::vector<char*> argv;
  for (const std::string& word : options.argv)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Error::from_errno(program + ": pipe");
  const Fd output(ends[0]);
  Fd input(ends[1]);
  // The child must block rather than lose lines.
  (void)::fcntl(input.get(), F_SETFL, 0);

  const auto start = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(program + ": fork");
  if (pid == 0) become(argv.data(), input.get());
  input.reset();

  LineReader lines(options.on_line);
  Watch watch(pid, options);
  std::string gave_up;
  int status = 0;
  rusage usage{};
  bool open = true;
  const auto read_output = [&] {
    char text[4096];
    const ssize_t n = ::read(output.get(), text, sizeof(text));
    if (n > 0) lines.feed({text, static_cast<size_t>(n)});
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) open = false;
    return n > 0;
  };
  auto last_tick = start;
  for (;;) {
    pollfd poll_for{output.get(), POLLIN, 0};
    // Once its output is closed the child is about to end, and says nothing that poll could hear.
    (void)::poll(&poll_for, open ? 1 : 0, open ? 1000 : 20);
    if (open && poll_for.revents != 0) (void)read_output();
    if (::wait4(pid, &status, WNOHANG, &usage) == pid) {
      while (open && read_output())
        continue;
      break;
    }
    if (Clock::now() - last_tick < seconds(1)) continue;
    last_tick = Clock::now();
    if (options.on_tick) options.on_tick();
    gave_up = watch.stalled();
    if (!gave_up.empty()) {
      (void)::kill(pid, SIGKILL);
      // A process that waits for a dead disk cannot even be killed: it is left behind.
      (void)wait_for_end(pid, seconds(5), status, usage);
      break;
    }
  }
  lines.end_line();

  if (!gave_up.empty()) return Error(Errc::timed_out, told(lines.last(), program + " " + gave_up));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error(Errc::io, told(lines.last(), program + " " + how_it_ended(status)));
  ChildUsage result;
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  result.peak_memory_kib = static_cast<uint64_t>(usage.ru_maxrss);
  return result;
}

}  // namespace kdump
