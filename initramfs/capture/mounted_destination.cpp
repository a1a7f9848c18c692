// A target that is mounted: makedump itself writes to it.
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <thread>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/destination.h"
#include "initramfs/capture/mount_nfs.h"
#include "initramfs/capture/mounts.h"
#include "initramfs/capture/network.h"
#include "initramfs/capture/wait_for_device.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kTagLimit{30};     // for a virtiofs device to appear
constexpr seconds kMountLimit{300};  // journal replay of a large file system on a slow disk
constexpr seconds kQuickLimit{60};   // for what takes no time unless a disk hangs
constexpr size_t kRoomForStory = 64 << 10;

class MountedDestination final : public Destination {
 public:
  MountedDestination(const TargetPlan& target, WorkerState& state)
      : target_(target), state_(state), mount_point_(target_mount_point(state.attempt())) {}

  Result<void> reach() override {
    (void)::mkdir(kTargetMountPoint, 0700);
    (void)::mkdir(mount_point_.c_str(), 0700);
    if (target_.kind == TargetKind::nfs) return mount_nfs(target_, mount_point_, state_);
    if (target_.filesystem == "virtiofs") return mount_virtiofs();
    KDUMP_TRY_ASSIGN(const std::string device, wait_for_device(target_.device, state_));
    state_.doing(("mounting " + device).c_str(), kMountLimit);
    std::string warning;
    KDUMP_TRY(
        mount_target(device, mount_point_, target_.filesystem, target_.mount_options, warning));
    if (!warning.empty()) say_warning(warning);
    return {};
  }

  [[nodiscard]] std::string local_ip() const override {
    return target_.kind == TargetKind::nfs ? local_address_towards(target_.address) : "127.0.0.1";
  }
  [[nodiscard]] bool takes_colons() const override { return target_.filesystem != "vfat"; }

  Result<std::string> make_directory(const std::string& name) override {
    const std::string& directory = target_.directory;
    state_.doing(("making a directory in " + directory).c_str(), kQuickLimit);
    std::error_code failed;
    std::filesystem::create_directories(mount_point_ + directory, failed);
    if (failed) return Error::from_errno("making directory " + directory, failed.value());
    const std::string above = (directory == "/" ? "" : directory) + "/";
    // A clock that stands still must not cost the second dump.
    for (int attempt = 1; attempt < 1000; ++attempt) {
      const std::string path = above + (attempt == 1 ? name : name + "-" + std::to_string(attempt));
      // Memory holds passwords and keys: for root alone, from the first byte on.
      if (::mkdir((mount_point_ + path).c_str(), 0700) == 0) {
        KDUMP_TRY(sync_parent_directory(mount_point_ + path));
        directory_ = mount_point_ + path;
        return path;
      }
      if (errno != EEXIST) return Error::from_errno("making directory " + path);
    }
    return Error(Errc::exists, above + name + ": there are a thousand of this name");
  }

  Result<std::optional<uint64_t>> room() override {
    state_.doing("looking how much room there is", kQuickLimit);
    struct statvfs status {};
    if (::statvfs(directory_.c_str(), &status) != 0) return Error::from_errno(directory_);
    // Of what is kept for root, we are. Some (virtiofs, odd servers) do not say.
    if (status.f_blocks == 0) return std::optional<uint64_t>();
    return std::optional<uint64_t>(uint64_t{status.f_bfree} * status.f_frsize);
  }

  Result<void> publish(const std::string& name, std::string_view text) override {
    state_.doing(("writing " + name).c_str(), kQuickLimit);
    const std::string path = directory_ + "/" + name;
    auto written = publish_file(path, as_bytes(text), 0600);
    // The dump took all room there was, but for what was kept.
    if (!written && written.error().code() == Errc::no_space)
      if (overwrite_file(path, text)) return {};
    if (written) keep_room(path, text.size());
    return written;
  }

  [[nodiscard]] std::optional<std::string> path_of(const std::string& name) const override {
    return directory_ + "/" + name;
  }

  Result<std::unique_ptr<DumpStream>> open_stream() override {
    return Error(Errc::internal, target_.name() + ": is written to by its path");
  }

  Result<void> leave() override {
    state_.doing("syncing and unmounting the target", kMountLimit);
    for (const auto& [path, size] : kept_)
      (void)!::truncate(path.c_str(), static_cast<off_t>(size));
    if (::umount2(mount_point_.c_str(), 0) != 0)
      return Error::from_errno("unmounting " + target_.name());
    return {};
  }

 private:
  // The kernel knows tags only of devices that are there, and tells nobody of them before 6.9.
  Result<void> mount_virtiofs() {
    const auto start = steady_clock::now();
    for (;;) {
      state_.doing(("mounting virtiofs " + target_.device).c_str(), kQuickLimit);
      std::string warning;
      auto mounted = mount_target(target_.device, mount_point_, target_.filesystem,
                                  target_.mount_options, warning);
      if (mounted && !warning.empty()) say_warning(warning);
      if (mounted || mounted.error().sys_errno() != EINVAL) return mounted;
      if (steady_clock::now() - start >= kTagLimit)
        return Error(Errc::not_found, "virtiofs " + target_.device +
                                          ": no device with this tag appeared within " +
                                          std::to_string(kTagLimit.count()) + " s");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  // For what will be told in this file when the dump has taken all room. Not every file system can.
  void keep_room(const std::string& path, size_t size) {
    const auto fd = open_file(path, O_WRONLY | O_NOFOLLOW);
    if (!fd || ::fallocate(fd->get(), FALLOC_FL_KEEP_SIZE, 0,
                           static_cast<off_t>(size + kRoomForStory)) != 0)
      return;
    kept_[path] = size;
  }

  // In place, and only if it has the room: half a story is worse than the one of before.
  Result<void> overwrite_file(const std::string& path, std::string_view text) {
    KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_WRONLY | O_NOFOLLOW));
    const auto size = static_cast<off_t>(text.size());
    if (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, size) != 0 && errno != EOPNOTSUPP)
      return Error::from_errno(path);
    KDUMP_TRY(pwrite_all(fd, as_bytes(text), FileOffset(0), path));
    if (const auto kept = kept_.find(path); kept != kept_.end()) kept->second = text.size();
    struct stat now {};
    if (::fstat(fd.get(), &now) != 0 || (now.st_size > size && ::ftruncate(fd.get(), size) != 0) ||
        ::fsync(fd.get()) != 0)
      return Error::from_errno(path);
    return {};
  }

  const TargetPlan& target_;
  WorkerState& state_;
  const std::string mount_point_;
  std::string directory_;               // of the capture, in this kernel
  std::map<std::string, size_t> kept_;  // files with room behind their end, and their sizes
};

}  // namespace

std::unique_ptr<Destination> make_mounted_destination(const TargetPlan& target,
                                                      WorkerState& state) {
  return std::make_unique<MountedDestination>(target, state);
}

}  // namespace kdump
