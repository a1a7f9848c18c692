#include "initramfs/capture/capture_modules.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/child.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr std::chrono::seconds kLimit{60};  // a driver that needs longer hangs
constexpr std::chrono::seconds kMargin{10};

// The file goes before its module is loaded: one that hangs is not tried again.
Result<void> load_module(const std::string& path, const std::string& options) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  (void)::unlink(path.c_str());
  if (::syscall(SYS_finit_module, fd.get(), options.c_str(), 0) != 0 && errno != EEXIST)
    return Error::from_errno("module " + path);
  return {};
}

}  // namespace

// In an image of dracut's modules lie where the distribution has them, packed as it packs them.
Result<void> load_by_name(const std::string& name) {
  ChildOptions options;
  options.argv = {"/usr/sbin/modprobe", name};
  options.time_limit = kLimit;
  if (const ChildEnd end = run_child(options); !end.ok())
    return Error(Errc::io, "module " + name + ": " + end.error);
  return {};
}

// "path options…" or "name" a line. One that does not load is told and passed over: it may be a
// faster variant for another CPU, and if it was needed, the device will not appear, which is told
// as well.
void load_modules(WorkerState& state) {
  const auto list = read_text_file(kModuleListPath);
  if (!list) return say_error(list.error().message());
  // No streams here: they would bring half a megabyte of locales into the image.
  std::string_view rest = *list;
  while (!rest.empty()) {
    const std::string line(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string path = line.substr(0, blank);
    const bool by_name = !path.starts_with('/');
    if (path.empty() || (!by_name && ::access(path.c_str(), F_OK) != 0)) continue;
    state.doing(("loading " + path).c_str(), kLimit + kMargin);
    const auto loaded = by_name
                            ? load_by_name(path)
                            : load_module(path, blank < line.size() ? line.substr(blank + 1) : "");
    if (!loaded && loaded.error().sys_errno() != ENODEV) say_error(loaded.error().message());
  }
}

}  // namespace kdump
