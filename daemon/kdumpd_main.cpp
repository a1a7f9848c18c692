// kdumpd: has the host armed, keeps it so, and tells systemd in one line how things are.
//
// SIGTERM ends it and leaves the host armed: at shutdown, everything gets that signal long before
// the kernel is done. Disarming is the unit's ExecStop=, `kdumpctl _end`.
#include <csignal>
#include <filesystem>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/arm/kexec.h"
#include "daemon/host/journal.h"
#include "daemon/watch/notify.h"
#include "daemon/watch/watcher.h"
#include "makedump/base/log.h"

namespace {

using namespace kdump;

// Beside this program (a build tree), else in the bin of the prefix that both are installed below:
// PREFIX/libexec/kdumpd/kdumpd and PREFIX/bin/kdumpctl.
std::string find_kdumpctl(const std::filesystem::path& own_directory) {
  for (const auto& path : {own_directory / "kdumpctl", own_directory / "../../bin/kdumpctl"})
    if (::access(path.c_str(), X_OK) == 0) return path.lexically_normal();
  return "/usr/bin/kdumpctl";  // the error names it
}

Result<int> run() {
  // Blocked from the start, as the event loop takes them one by one.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGCHLD})
    sigaddset(&signals, number);
  (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);

  utsname names{};
  if (::uname(&names) != 0) return Error::from_errno("uname");
  std::error_code ignored;
  const auto directory = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();

  WatchOptions options;
  options.kdumpctl = find_kdumpctl(directory);
  options.fixed = fixed_watch_list(options.paths, names.release, directory);
  const HostPaths paths = options.paths;

  KDUMP_TRY_ASSIGN(EventLoop loop, EventLoop::open());
  Watcher watcher(std::move(options), loop);
  KDUMP_TRY_ASSIGN(const int status, watcher.run());
  if (status != 0) return status;
  const auto loaded = crash_image_loaded(paths);
  notify_stopping(loaded && *loaded ? "Ended; the host stays armed" : "Not armed: stopped");
  return status;
}

}  // namespace

int main(int argc, char** /*argv*/) {
  ::umask(0077);
  open_journal("kdump");
  if (argc != 1) {
    log::error("kdumpd takes no arguments; it is started by systemd as kdumpd.service");
    return 1;
  }
  const auto status = run();
  if (!status) {
    log::error(status.error().message());
    return 1;
  }
  return *status;
}
