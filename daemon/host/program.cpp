#include "daemon/host/program.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCannotExec = 127;
constexpr size_t kMostOutput = size_t{16} << 20;  // what comes after is thrown away

struct Pipe {
  Fd read_end, write_end;
  static Result<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error::from_errno("pipe");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
  }
};

// In the child, between fork and exec: nothing here may allocate.
[[noreturn]] void become(const char* root, const char* path, char* const* argv, char* const* envp,
                         int out, int error) {
  if (*root != '\0' && (::chroot(root) != 0 || ::chdir("/") != 0)) ::_exit(kCannotExec);
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0)
    ::dup2(null, STDIN_FILENO);
  else
    ::close(STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::setpgid(0, 0);  // so that its children can be ended with it
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::umask(022);  // what it writes is its own business: grub.cfg, loader entries
  ::execve(path, argv, envp);
  ::_exit(kCannotExec);
}

// False at the end of the stream.
bool take(const Fd& from, std::string& into) {
  std::array<char, 16384> text{};
  const ssize_t n = ::read(from.get(), text.data(), text.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (into.size() < kMostOutput) into.append(text.data(), static_cast<size_t>(n));
  return n > 0;
}

void drain(const Fd& from, std::string& into) {
  if (!from || ::fcntl(from.get(), F_SETFL, O_NONBLOCK) != 0) return;
  for (size_t before = into.size(); take(from, into) && into.size() != before;)
    before = into.size();
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

// Waits for the child's end, which may come later than that of its output, or earlier when it left
// something behind in the background.
bool wait_until(pid_t pid, Clock::time_point deadline, int& status) {
  for (;;) {
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid || (got < 0 && errno != EINTR)) return true;
    if (Clock::now() >= deadline) return false;
    (void)::poll(nullptr, 0, 10);
  }
}

void kill_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
}

}  // namespace

std::string find_program(const HostPaths& paths, const std::string& name) {
  for (const char* directory :
       {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    std::string path = directory + name;
    if (::access((paths.root + path).c_str(), X_OK) == 0) return path;
  }
  return "";
}

Result<ProgramOutput> run_program(const HostPaths& paths, const std::vector<std::string>& argv,
                                  std::chrono::seconds limit,
                                  const std::vector<std::string>& environment) {
  const std::string& name = argv.front();
  const std::string path = name.find('/') == std::string::npos ? find_program(paths, name) : name;
  if (path.empty()) return Error(Errc::not_found, name + ": not installed");

  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& word : argv)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::string search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  std::vector<char*> variables = {search.data(), locale.data()};
  for (const std::string& variable : environment)
    variables.push_back(const_cast<char*>(variable.c_str()));
  variables.push_back(nullptr);

  KDUMP_TRY_ASSIGN(Pipe out, Pipe::make());
  KDUMP_TRY_ASSIGN(Pipe error, Pipe::make());
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno(name + ": fork");
  if (pid == 0)
    become(paths.root.c_str(), path.c_str(), arguments.data(), variables.data(),
           out.write_end.get(), error.write_end.get());
  out.write_end.reset();
  error.write_end.reset();

  const auto deadline = Clock::now() + limit;
  ProgramOutput output;
  int status = 0;
  bool ended = false;
  while (!ended && (out.read_end || error.read_end)) {
    std::array<pollfd, 2> waits = {pollfd{out.read_end.get(), POLLIN, 0},
                                   pollfd{error.read_end.get(), POLLIN, 0}};
    if (Clock::now() >= deadline) break;
    (void)::poll(waits.data(), waits.size(), std::min(milliseconds_until(deadline), 1000));
    if (waits[0].revents != 0 && !take(out.read_end, output.out)) out.read_end.reset();
    if (waits[1].revents != 0 && !take(error.read_end, output.error)) error.read_end.reset();
    // Something that it left in the background may hold its output open.
    if (waits[0].revents == 0 && waits[1].revents == 0)
      ended = ::waitpid(pid, &status, WNOHANG) == pid;
  }
  if (ended) {  // what it wrote between the last look and its end
    drain(out.read_end, output.out);
    drain(error.read_end, output.error);
  }
  if (!ended && !wait_until(pid, deadline, status)) {
    kill_group(pid);
    (void)wait_until(pid, Clock::now() + std::chrono::seconds(5), status);
    return Error(Errc::timed_out,
                 name + ": no end within " + std::to_string(limit.count()) + " s, stopped");
  }
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

Result<std::string> run_program_or_fail(const HostPaths& paths,
                                        const std::vector<std::string>& argv,
                                        std::chrono::seconds limit) {
  KDUMP_TRY_ASSIGN(ProgramOutput output, run_program(paths, argv, limit));
  if (output.status == 0) return std::move(output.out);
  std::string words = output.error.empty() ? output.out : output.error;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' '))
    words.pop_back();
  if (const size_t newline = words.rfind('\n'); newline != std::string::npos)
    words.erase(0, newline + 1);
  std::string command;
  for (const std::string& word : argv)
    command += (command.empty() ? "" : " ") + word;
  return Error(Errc::io, command + ": failed with status " + std::to_string(output.status) +
                             (words.empty() ? "" : ": " + words));
}

}  // namespace kdump
