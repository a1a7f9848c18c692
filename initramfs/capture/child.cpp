#include "initramfs/capture/child.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <span>
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

// utime + stime of all its threads, in clock ticks (fields 14 and 15 of proc_pid_stat(5)).
uint64_t cpu_ticks(pid_t pid) {
  const auto stat = read_text_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return 0;
  const size_t name_end = stat->rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return 0;
  unsigned long long user = 0, system = 0;
  if (std::sscanf(stat->c_str() + name_end + 1,
                  " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system) != 2)
    return 0;
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
    // How far it had come is not why it ended.
    if (line_.find(" % of ") == std::string::npos) last_ = std::move(line_);
    line_.clear();
  }

  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  static constexpr size_t kLongest = 900;
  const std::function<void(const std::string&)>& on_line_;
  std::string line_, last_;
};

// In the child, between fork and exec: nothing here may allocate.
[[noreturn]] void become(char* const* argv, char* const* environment, int output, int words,
                         bool apart) {
  if (apart) {
    (void)::setpgid(0, 0);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  }
  ::dup2(output, STDOUT_FILENO);
  ::dup2(words, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // When memory runs out the kernel has to have somebody to kill who is not the one that goes on
  // afterwards.
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) (void)!::write(fd, "500", 3);
  ::execve(argv[0], argv, environment);
  ::_exit(kCannotExec);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const std::string& word : words)
    list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
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
  Watch(pid_t pid, const ChildOptions& options) : pid_(pid), options_(options), bytes_(moved()) {}

  // Empty, or why the child is given up.
  std::string stalled() {
    const auto now = Clock::now();
    if (options_.time_limit.count() != 0 && now - begun_ >= options_.time_limit)
      return "took longer than " + std::to_string(options_.time_limit.count()) + " s";
    const uint64_t bytes = moved();
    const uint64_t ticks = cpu_ticks(pid_);
    if (bytes != bytes_) wrote_ = now;
    if (bytes != bytes_ || (ticks > ticks_ && computes(ticks - ticks_, now - looked_)))
      moved_ = now;
    bytes_ = bytes;
    ticks_ = ticks;
    looked_ = now;
    if (now - moved_ >= options_.stall_limit)
      return "did nothing for " + std::to_string(options_.stall_limit.count()) +
             " s: the target or its driver hangs";
    if (now - wrote_ >= options_.silent_limit)
      return "wrote nothing for " + std::to_string(options_.silent_limit.count()) + " s";
    return "";
  }

 private:
  // A writer that waits for a disk that hangs is woken several times a second, only to see that it
  // has to go on waiting.
  static bool computes(uint64_t ticks, Clock::duration passed) {
    static const auto ticks_a_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    constexpr double kShare = 0.05;
    return static_cast<double>(ticks) >
           kShare * ticks_a_second * std::chrono::duration<double>(passed).count();
  }

  [[nodiscard]] uint64_t moved() const { return options_.bytes_moved ? options_.bytes_moved() : 0; }

  pid_t pid_;
  const ChildOptions& options_;
  uint64_t bytes_, ticks_ = 0;
  Clock::time_point begun_ = Clock::now(), moved_ = begun_, wrote_ = begun_, looked_ = begun_;
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

// The reading end of what a child writes; `input` is for the child.
struct Pipe {
  Fd output, input;

  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    output.reset(ends[0]);
    input.reset(ends[1]);
    // The child must block rather than lose lines.
    (void)::fcntl(ends[1], F_SETFL, 0);
    return true;
  }

  // Bytes into `buffer`; 0 when there is nothing now. At its end `output` is closed.
  size_t read(std::span<char> buffer) {
    const ssize_t n = ::read(output.get(), buffer.data(), buffer.size());
    if (n > 0) return static_cast<size_t>(n);
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) output.reset();
    return 0;
  }
};

// One child from fork to end.
class Child {
 public:
  explicit Child(const ChildOptions& options) : options_(options), lines_(options.on_line) {}

  ChildEnd run() {
    const std::string& program = options_.argv.front();
    const auto start = Clock::now();
    if (!words_.open() || (options_.on_output && !bytes_.open()) || !start_child()) {
      end_.error = Error::from_errno(program + " could not be started").message();
      return std::move(end_);
    }
    watch();
    lines_.end_line();
    end_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    end_.peak_memory_kib = static_cast<uint64_t>(usage_.ru_maxrss);
    if (!gave_up_.empty()) {
      end_.error = told(lines_.last(), program + " " + gave_up_);
    } else if (!taken_) {
      end_.refused = true;
      end_.error = taken_.error().message();
    } else {
      if (WIFEXITED(status_)) end_.status = WEXITSTATUS(status_);
      if (end_.status != 0) end_.error = told(lines_.last(), program + " " + how_it_ended(status_));
    }
    return std::move(end_);
  }

 private:
  bool start_child() {
    const auto argv = pointers(options_.argv);
    const auto environment = pointers(options_.environment);
    pid_ = ::fork();
    if (pid_ == 0)
      become(argv.data(), options_.environment.empty() ? environ : environment.data(),
             options_.on_output ? bytes_.input.get() : words_.input.get(), words_.input.get(),
             options_.apart);
    // Also here: it may be killed before it has come to do it itself.
    if (options_.apart && pid_ > 0) (void)::setpgid(pid_, pid_);
    words_.input.reset();
    bytes_.input.reset();
    return pid_ > 0;
  }

  void watch() {
    Watch watch(pid_, options_);
    auto last_tick = Clock::now();
    for (;;) {
      wait_for_output();
      if (!drain(false)) return kill_child();
      if (::wait4(pid_, &status_, WNOHANG, &usage_) == pid_) {
        (void)drain(true);
        return;
      }
      if (Clock::now() - last_tick < seconds(1)) continue;
      last_tick = Clock::now();
      if (options_.on_tick) options_.on_tick();
      gave_up_ = watch.stalled();
      if (gave_up_.empty()) continue;
      end_.stalled = true;
      return kill_child();
    }
  }

  // Once its outputs are closed the child is about to end, and says nothing that poll could hear.
  void wait_for_output() {
    pollfd fds[2] = {{words_.output.get(), POLLIN, 0}, {bytes_.output.get(), POLLIN, 0}};
    const bool open = fds[0].fd >= 0 || fds[1].fd >= 0;
    (void)::poll(fds, 2, open ? 1000 : 20);  // negative descriptors are passed over
  }

  // False if nobody takes its output any more. `all`: until there is nothing left.
  bool drain(bool all) {
    std::array<char, 4096> words{};
    do {
      const size_t n = words_.output ? words_.read(words) : 0;
      if (n == 0) break;
      lines_.feed({words.data(), n});
    } while (all);
    do {
      const size_t n = bytes_.output ? bytes_.read(buffer_) : 0;
      if (n == 0) break;
      taken_ = options_.on_output(std::as_bytes(std::span(buffer_).first(n)));
      if (!taken_) return false;
    } while (all);
    return true;
  }

  void kill_child() {
    (void)::kill(options_.apart ? -pid_ : pid_, SIGKILL);
    // A process that waits for a dead disk cannot even be killed: it is left behind.
    (void)wait_for_end(pid_, seconds(5), status_, usage_);
  }

  const ChildOptions& options_;
  LineReader lines_;
  Pipe words_, bytes_;
  std::vector<char> buffer_ = std::vector<char>(size_t{64} << 10);
  pid_t pid_ = -1;
  int status_ = 0;
  rusage usage_{};
  std::string gave_up_;
  Result<void> taken_;
  ChildEnd end_;
};

}  // namespace

ChildEnd run_child(const ChildOptions& options) {
  return Child(options).run();
}

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

}  // namespace kdump
