#include "initramfs/capture/supervisor.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/reboot.h>
#include <linux/watchdog.h>
#include <new>
#include <poll.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "initramfs/capture/mounts.h"
#include "initramfs/capture/rescue_shell.h"

namespace kdump {

namespace {

constexpr int kStepFailed = 1;
constexpr std::chrono::seconds kStartLimit{60};  // until a step makes its first promise

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int ms) {
  (void)::poll(nullptr, 0, ms);
}

// As log::error does, but without anything that could fail: no allocation, no library.
void say(const char* text, const char* more = "") {
  std::array<char, 512> line{};
  const int n = std::snprintf(line.data(), line.size() - 1, "<4>kdump-capture: %s%s\n", text, more);
  const size_t length = std::min(static_cast<size_t>(n > 0 ? n : 0), line.size() - 1);
  const int kmsg = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (kmsg >= 0) {
    (void)!::write(kmsg, line.data(), length);
    ::close(kmsg);
  } else if (length > 3) {
    (void)!::write(STDERR_FILENO, line.data() + 3, length - 3);
  }
}

// fork() whose child ends by itself after `seconds` in any case.
pid_t fork_helper(unsigned seconds) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::alarm(seconds);
  }
  return pid;
}

bool reaped(pid_t pid, int& status) {
  for (;;) {
    int ended_status = 0;
    const pid_t ended = ::waitpid(-1, &ended_status, WNOHANG);
    if (ended == pid) {
      status = ended_status;
      return true;
    }
    if (ended == 0 || (ended < 0 && errno != EINTR)) return false;
  }
}

// The host's hardware watchdog, where it has one: fed as long as promises are kept, so that it ends
// what even PID 1 cannot (a kernel that is stuck). Its driver may come with the first step.
class Watchdog {
 public:
  void feed() {
    if (fd_ < 0) fd_ = ::open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    if (fd_ >= 0) (void)::ioctl(fd_, WDIOC_KEEPALIVE, 0);
  }

  // A machine that halts has to stay as it is; one that reboots is better off with it.
  void stop() {
    if (fd_ < 0) return;
    (void)!::write(fd_, "V", 1);
    ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

// sync(2) of a disk that is gone may never return: a child tries.
void sync_bounded(Watchdog& watchdog) {
  constexpr unsigned kLimit = 30;
  const pid_t pid = fork_helper(kLimit + 5);
  if (pid == 0) {
    ::sync();
    ::_exit(0);
  }
  if (pid < 0) return;
  int status = 0;
  const int64_t deadline = now_ms() + int64_t{kLimit} * 1000;
  while (!reaped(pid, status)) {
    if (now_ms() > deadline) return say("sync did not come back within 30 s: going on without it");
    watchdog.feed();
    sleep_ms(5);
  }
}

// reboot(2) shuts devices down first, and a broken one may hang there. This is the way around.
void arm_emergency_restart() {
  constexpr int kLimit = 60;
  if (fork_helper(kLimit + 30) != 0) return;
  ::sleep(kLimit);
  const int fd = ::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) (void)!::write(fd, "b", 1);
  ::_exit(0);
}

[[noreturn]] void end_machine(FinalAction action) {
  // Whoever reads a serial console wants the last line whole.
  (void)::tcdrain(STDERR_FILENO);
  switch (action) {
    case FinalAction::halt:
      (void)::reboot(RB_HALT_SYSTEM);
      break;
    case FinalAction::poweroff:
      (void)::reboot(RB_POWER_OFF);
      break;
    case FinalAction::reboot:
      break;
  }
  // Also when powering off is not possible here: a machine that is neither up nor off helps nobody.
  if (action != FinalAction::halt) {
    arm_emergency_restart();
    (void)::reboot(RB_AUTOBOOT);
  }
  for (;;)
    sleep_ms(60000);  // halted
}

// Without a console the kernel starts PID 1 with no open files. The next file opened must not
// become what everybody takes for the error output.
void open_standard_files() {
  int fd = -1;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// What ends the machine after a failure: some failure actions do, the others lead to the final one.
FinalAction last_action(const WorkerState& state) {
  switch (state.failure_action()) {
    case FailureAction::halt:
      return FinalAction::halt;
    case FailureAction::poweroff:
      return FinalAction::poweroff;
    case FailureAction::shell:
    case FailureAction::dump_to_rootfs:
      return state.final_action();
    case FailureAction::reboot:
      break;
  }
  return FinalAction::reboot;
}

const char* word_for(FinalAction action) {
  switch (action) {
    case FinalAction::halt:
      return "halt";
    case FinalAction::poweroff:
      return "poweroff";
    case FinalAction::reboot:
      break;
  }
  return "reboot";
}

// Why a step did not end well; "" if it did, or said so itself.
using Reason = std::array<char, 300>;

bool past(int64_t deadline_ms) {
  return deadline_ms != 0 && now_ms() > deadline_ms;
}

// True if the step ended well in time. `limit_ms` is that of the whole capture; 0: none.
bool wait_for_step(pid_t pid, const WorkerState& state, int64_t limit_ms, Watchdog& watchdog,
                   Reason& reason) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    int status = 0;
    if (reaped(pid, status)) {
      if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
      std::snprintf(
          reason.data(), reason.size(), "killed by signal %d%s while %s", WTERMSIG(status),
          WTERMSIG(status) == SIGKILL ? " (out of memory: raise crashkernel=)" : "", state.what());
      return false;
    }
    if (past(limit_ms) || state.is_late()) {
      std::snprintf(reason.data(), reason.size(), "given up, as %s: %s",
                    past(limit_ms) ? "the whole capture took longer than limits.capture"
                                   : "this did not end in time",
                    state.what());
      return false;
    }
    watchdog.feed();
    const timespec second{1, 0};
    (void)::sigtimedwait(&child, nullptr, &second);
  }
}

// Runs one step in a child, with everything that the child starts in one process group.
bool run_step(bool (*step)(WorkerState&), WorkerState& state, int64_t limit_ms, Watchdog& watchdog,
              Reason& reason) {
  state.doing("starting", kStartLimit);
  reason[0] = '\0';
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)::setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Not the kernel's first choice when memory runs out: makedump is.
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) (void)!::write(fd, "-500", 4);
    if (fd >= 0) ::close(fd);
    ::_exit(step(state) ? 0 : kStepFailed);
  }
  if (pid < 0) {
    std::snprintf(reason.data(), reason.size(), "cannot start a process: %s", std::strerror(errno));
    return false;
  }
  const bool done = wait_for_step(pid, state, limit_ms, watchdog, reason);
  // What waits for a dead disk cannot even be killed; it is left behind.
  if (!done) (void)::kill(-pid, SIGKILL);
  return done;
}

void try_target(const CaptureSteps& steps, unsigned target, WorkerState& state, int64_t limit_ms,
                Watchdog& watchdog) {
  Reason reason{};
  state.begin_attempt(target);
  if (run_step(steps.attempt, state, limit_ms, watchdog, reason)) {
    state.set_saved();
  } else if (reason[0] != '\0') {
    say(state.saved() ? "the dump is saved, but: " : "dump not saved: ", reason.data());
    state.set_failure(target, reason.data());
  }
}

// One target after the other, until one has the dump.
void try_targets(const CaptureSteps& steps, WorkerState& state, Watchdog& watchdog) {
  const int64_t limit = state.capture_limit().count();
  const int64_t limit_ms = limit == 0 ? 0 : now_ms() + limit * 1000;
  const unsigned number = state.targets();
  const unsigned ordinary = state.has_last_resort() ? number - 1 : number;
  for (unsigned target = 0; target < ordinary && !state.saved() && !past(limit_ms); ++target)
    try_target(steps, target, state, limit_ms, watchdog);
  if (state.saved() || ordinary == number) return;
  // The limit is for what comes before the failure action, and this is one.
  say("failure action: dump_to_rootfs");
  try_target(steps, ordinary, state, 0, watchdog);
}

// Until whoever is there has enough. The watchdog is fed meanwhile, as there are some that cannot
// be stopped.
void run_rescue_shell(FinalAction then, Watchdog& watchdog) {
  say("failure action: shell, on the console; its end (exit) leads to: ", word_for(then));
  const pid_t pid = start_rescue_shell();
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  int status = 0;
  while (pid > 0 && !reaped(pid, status)) {
    watchdog.feed();
    const timespec second{1, 0};
    (void)::sigtimedwait(&child, nullptr, &second);
  }
  if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
    say("the shell cannot be started");
}

}  // namespace

void WorkerState::doing(const char* what, std::chrono::seconds at_most) {
  deadline_ms_.store(now_ms() + at_most.count() * 1000);
  std::snprintf(what_, sizeof(what_), "%s", what);
}

void WorkerState::set_actions(FailureAction on_failure, FinalAction on_success) {
  failure_action_.store(on_failure);
  final_action_.store(on_success);
}

bool WorkerState::is_late() const {
  return now_ms() > deadline_ms_.load();
}

void WorkerState::set_targets(unsigned number, std::chrono::seconds capture_limit) {
  targets_.store(number);
  capture_limit_.store(capture_limit.count());
}

void WorkerState::begin_attempt(unsigned target) {
  attempt_.store(target);
}

void WorkerState::set_failure(unsigned target, const char* why) {
  if (target >= kMostTargets) return;
  std::snprintf(failures_[target].data(), failures_[target].size(), "%s", why);
}

const char* WorkerState::failure(unsigned target) const {
  return target < kMostTargets ? failures_[target].data() : "";
}

void supervise(const CaptureSteps& steps, Role role) {
  open_standard_files();
  if (role == Role::init) {
    const auto mounted = mount_kernel_filesystems();
    if (!mounted) say(mounted.error().message().c_str());
  }

  // All signals wait until they are asked for: none can end PID 1, and SIGCHLD is never missed.
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);

  void* shared = ::mmap(nullptr, sizeof(WorkerState), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    say("failure action: reboot; no memory at all");
    end_machine(FinalAction::reboot);
  }
  auto* state = new (shared) WorkerState;

  Watchdog watchdog;
  Reason reason{};
  if (!run_step(steps.prepare, *state, 0, watchdog, reason) && reason[0] != '\0')
    say("preparing the capture: ", reason.data());
  if (!state->not_wanted()) try_targets(steps, *state, watchdog);
  if (!run_step(steps.finish, *state, 0, watchdog, reason) && reason[0] != '\0')
    say("finishing the capture: ", reason.data());

  const bool well = state->saved() || state->not_wanted();
  const FinalAction action = well ? state->final_action() : last_action(*state);
  const FailureAction failure = state->failure_action();
  const bool shell = !well && failure == FailureAction::shell;
  if (shell) run_rescue_shell(action, watchdog);
  // As a service, init's processes are not ours to end: some serve the disk that is synced next.
  if (role == Role::init) (void)::kill(-1, SIGKILL);
  sync_bounded(watchdog);
  const bool final = well || shell || failure == FailureAction::dump_to_rootfs;
  say(final ? "final action: " : "failure action: ", word_for(action));
  if (action == FinalAction::halt) watchdog.stop();
  end_machine(action);
}

}  // namespace kdump
