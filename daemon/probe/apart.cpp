#include "daemon/probe/apart.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

// What the child writes, a line each: the first letter says what it is.
constexpr char kStep = 's';    // "swriting to /x": it begins that
constexpr char kDone = 'd';    // "d12": well done; so many bytes follow, which are what is told
constexpr char kFailed = 'f';  // "f7 what": Errc and message
constexpr size_t kLongestAnswer = size_t{256} << 20;
constexpr auto kGrace = std::chrono::seconds(1);  // from SIGKILL to the end of what can be killed

void send_line(const Fd& to, char kind, std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  // Nobody is there to hear of an error.
  (void)write_all(to, as_bytes(kind + text + "\n"), "pipe");
}

// 0 to 2 stay: messages of libraries, if any.
void close_all_but(int kept) {
  std::vector<int> open;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored))
    open.push_back(std::atoi(entry.path().filename().c_str()));
  for (const int fd : open)
    if (fd > STDERR_FILENO && fd != kept) (void)::close(fd);
}

[[noreturn]] void be_child(const ApartTextWork& work, Fd to) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::signal(SIGPIPE, SIG_IGN);
  close_all_but(to.get());
  const bool own_mounts = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  const Fd answer(::fcntl(to.get(), F_DUPFD_CLOEXEC, 3));
  const Steps steps(std::move(to), own_mounts);
  const auto result = work(steps);
  if (result) {
    send_line(answer, kDone, std::to_string(result->size()));
    (void)write_all(answer, as_bytes(*result), "pipe");
  } else {
    send_line(
        answer, kFailed,
        std::to_string(static_cast<int>(result.error().code())) + " " + result.error().message());
  }
  ::_exit(0);
}

// One that sleeps in the kernel stays: it ends when its disk answers, or with the machine.
void end_child(pid_t pid) {
  (void)::kill(pid, SIGKILL);
  const auto deadline = Clock::now() + kGrace;
  while (::waitpid(pid, nullptr, WNOHANG) == 0 && Clock::now() < deadline)
    (void)::poll(nullptr, 0, 10);
}

Error error_of(const std::string& line) {
  const std::string text = line.substr(1);
  const size_t blank = text.find(' ');
  return {static_cast<Errc>(std::atoi(text.c_str())), text.substr(blank + 1)};
}

}  // namespace

void Steps::begin(const std::string& what) const {
  send_line(to_, kStep, what);
}

Result<std::optional<uint64_t>> run_apart(const ApartWork& work, std::chrono::milliseconds limit) {
  const auto in_text = [&work](const Steps& steps) -> Result<std::string> {
    KDUMP_TRY_ASSIGN(const std::optional<uint64_t> room, work(steps));
    return room ? std::to_string(*room) : std::string();
  };
  KDUMP_TRY_ASSIGN(const std::string room, run_apart_for_text(in_text, limit));
  return room.empty() ? std::nullopt : std::optional<uint64_t>(std::stoull(room));
}

Result<std::string> run_apart_for_text(const ApartTextWork& work, std::chrono::milliseconds limit) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("pipe");
  const Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork");
  if (pid == 0) be_child(work, std::move(to));
  to.reset();

  std::string step = "starting", buffer;
  std::optional<size_t> answer;  // its length, once it comes
  auto deadline = Clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{from.get(), POLLIN, 0};
    const int ready = left > 0 ? ::poll(&readable, 1, static_cast<int>(left) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      end_child(pid);
      return Error(Errc::timed_out, step + ": no end within " +
                                        std::to_string(std::max<int64_t>(1, limit.count() / 1000)) +
                                        " s: the device or server hangs");
    }
    char text[4096];
    const ssize_t n = ::read(from.get(), text, sizeof(text));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      end_child(pid);
      return Error(Errc::internal, step + ": ended without an answer");
    }
    buffer.append(text, static_cast<size_t>(n));
    for (size_t end = 0; !answer && (end = buffer.find('\n')) != std::string::npos;) {
      const std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      if (line.front() == kStep) {
        step = line.substr(1);
        deadline = Clock::now() + limit;
        continue;
      }
      if (line.front() == kDone) {
        answer = std::min<size_t>(std::strtoull(line.c_str() + 1, nullptr, 10), kLongestAnswer);
        break;
      }
      end_child(pid);
      return error_of(line);
    }
    if (answer && buffer.size() >= *answer) {
      end_child(pid);
      return buffer.substr(0, *answer);
    }
  }
}

}  // namespace kdump
