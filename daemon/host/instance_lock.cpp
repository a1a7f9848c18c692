#include "daemon/host/instance_lock.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

#include "makedump/base/log.h"

namespace kdump {

Result<Fd> lock_instance(const HostPaths& paths) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  constexpr int kPausesPerMessage = 50;
  // systemd makes this directory; a host without it has only /run.
  const std::string directory = std::filesystem::path(paths.lock()).parent_path();
  if (::mkdir(directory.c_str(), 0755) == 0) (void)::chmod(directory.c_str(), 0755);
  KDUMP_TRY_ASSIGN(Fd fd, open_file(paths.lock(), O_RDWR | O_CREAT, 0600));
  for (int pauses = 0;; ++pauses) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::from_errno(paths.lock() + ": flock");
    if (pauses % kPausesPerMessage == 0)
      log::info("another kdumpctl or kdumpd is at work (it holds " + paths.lock() +
                "); waiting for it to end");
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace kdump
