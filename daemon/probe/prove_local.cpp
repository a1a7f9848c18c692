// Proofs of what the kernel mounts: directories, file systems, NFS; and of raw devices.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/host/program.h"
#include "daemon/probe/prove.h"
#include "initramfs/capture/mount_nfs.h"
#include "initramfs/capture/mounts.h"
#include "initramfs/image/mounted.h"
#include "initramfs/image/network_host.h"
#include "initramfs/image/target.h"
#include "initramfs/plan/block_device.h"
#include "makedump/base/fd.h"
#include "makedump/sink/sink.h"

namespace kdump {

namespace {

using Room = Result<std::optional<uint64_t>>;

Result<void> write_and_read_back(const std::string& path, const std::string& content,
                                 const Steps& steps) {
  steps.begin(path + ": writing");
  KDUMP_TRY_ASSIGN(const auto sink, open_file_sink(path, {.overwrite = true}));
  auto written = sink->write_at(FileOffset(0), as_bytes(content));
  if (written) {
    steps.begin(path + ": syncing and renaming");
    written = sink->commit();
  }
  if (!written) {
    sink->discard();
    return written;
  }
  steps.begin(path + ": reading back");
  KDUMP_TRY_ASSIGN(const std::string back, read_text_file(path));
  if (back != content)
    return Error(Errc::io, path + ": what was read back is not what was written");
  return {};
}

Room prove_directory(const std::string& directory, const Steps& steps) {
  steps.begin(directory + ": making the directory");
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return Error::from_errno(directory + ": mkdir", failed.value());
  const std::string path = directory + "/" + proof_file_name();
  auto written = write_and_read_back(path, proof_content(), steps);
  steps.begin(path + ": removing");
  if (::unlink(path.c_str()) != 0 && written) return Error::from_errno(path + ": remove");
  KDUMP_TRY(written);
  steps.begin(directory + ": asking for free room");
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return std::optional<uint64_t>();
  return checked_mul(info.f_bavail, info.f_frsize);
}

using Mount = std::function<Result<void>(const std::string& mount_point)>;

// Mounts it for a moment, seen by this process only.
Room prove_unmounted(const ProofJob& job, const Steps& steps, const Mount& mount) {
  if (!steps.has_own_mounts())
    return Error(
        Errc::usage,
        "is not mounted, and only root can mount it to try: mount it, or prove it as root");
  const std::string run = std::filesystem::path(job.paths.arming_state()).parent_path();
  if (::mkdir(run.c_str(), 0755) == 0) (void)::chmod(run.c_str(), 0755);
  std::string point = run + "/proof-XXXXXX";
  if (!::mkdtemp(point.data())) return Error::from_errno(point + ": mkdir");
  steps.begin(job.target.describe() + ": mounting");
  auto mounted = mount(point);
  Room room = std::optional<uint64_t>();
  if (mounted) {
    room = prove_directory(point + job.directory, steps);
    steps.begin(job.target.describe() + ": unmounting");
    // Everything is written then; a failure here is one of writing.
    if (::umount2(point.c_str(), 0) != 0 && room) room = Error::from_errno("unmounting");
  }
  (void)::rmdir(point.c_str());
  KDUMP_TRY(mounted);
  if (room) return room;
  std::string message = room.error().message();  // without a path that is gone
  for (size_t at = 0; (at = message.find(point + "/")) != std::string::npos;)
    message.erase(at, point.size());
  return Error(room.error().code(), message);
}

Room prove_mounted(const ProofJob& job, const Steps& steps, const Mount& mount) {
  steps.begin(job.target.describe() + ": looking for its mount point");
  Room room = std::optional<uint64_t>();
  const auto point = find_mounted(job.paths.root, job.target);
  if (!point)
    room = point.error();
  else if (*point)
    room = prove_directory((**point == "/" ? "" : **point) + job.directory, steps);
  else
    room = prove_unmounted(job, steps, mount);
  if (room) return room;
  return std::move(room).error().context(job.target.describe());
}

Result<void> check_block_device(const Fd& fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(path);
  if (!S_ISBLK(info.st_mode)) return Error(Errc::usage, path + ": not a block device");
  return {};
}

Result<std::string> find_device(const Target& target) {
  BlockDeviceSearch search(target.device);
  auto device = search.find();
  if (device) return device;
  return Error(device.error().code(),
               "no such block device (there are: " + search.seen() + "; lsblk -f shows more)");
}

}  // namespace

Room prove_path(const ProofJob& job, const Steps& steps) {
  return prove_directory(job.paths.root + job.directory, steps);
}

Room prove_filesystem(const ProofJob& job, const Steps& steps) {
  return prove_mounted(job, steps, [&job](const std::string& where) -> Result<void> {
    const Target& target = job.target;
    std::string device = target.device, warning;
    if (target.type != "virtiofs") {
      KDUMP_TRY_ASSIGN(device, find_device(target));
    }
    return mount_target(device, where, target.type, target.options, warning);
  });
}

// As the capture kernel will, not with mount.nfs: that knows of other ways.
Room prove_nfs(const ProofJob& job, const Steps& steps) {
  return prove_mounted(job, steps, [&job](const std::string& where) -> Result<void> {
    KDUMP_TRY_ASSIGN(TargetPlan plan, resolve_nfs_target(job.target, job.directory));
    KDUMP_TRY_ASSIGN(plan.address, resolve_host(plan.host));
    plan.stall_limit = std::chrono::duration_cast<std::chrono::seconds>(job.limit);
    return try_to_mount_nfs(plan, where);
  });
}

// A dump that was not recovered yet may be on it: nothing is written. What is left to prove is that
// a capture would find it as it needs it.
Room prove_raw(const ProofJob& job, const Steps& steps) {
  const std::string& spec = job.target.device;
  steps.begin("raw " + spec + ": looking for the device");
  auto found = find_device(job.target);
  if (!found) return std::move(found).error().context("raw " + spec);
  const std::string& device = *found;
  steps.begin(device + ": opening");
  // With O_EXCL the kernel refuses what is mounted, swapped to, or part of a volume.
  auto opened = open_file(device, O_RDWR | O_EXCL);
  if (!opened && opened.error().sys_errno() == EBUSY)
    return Error(Errc::usage, "raw " + spec + ": " + device +
                                  " is in use (mounted, swap, or part of a volume), and a dump "
                                  "would overwrite it: name another device");
  if (!opened) return std::move(opened).error();
  KDUMP_TRY(check_block_device(*opened, device));
  uint64_t bytes = 0;
  if (::ioctl(opened->get(), BLKGETSIZE64, &bytes) != 0) return Error::from_errno(device);
  if (bytes == 0) return Error(Errc::usage, "raw " + spec + ": " + device + " has no medium");
  steps.begin(device + ": reading");
  KDUMP_TRY_ASSIGN(const BlockIdentity identity, probe_block_device(device));
  if (!identity.type.empty())
    return Error(Errc::usage, "raw " + spec + ": " + device + " holds " + identity.type +
                                  ", which a dump would overwrite: clear it with wipefs -a " +
                                  device + ", or write " + identity.type + " " + spec);
  return std::optional<uint64_t>(bytes);
}

}  // namespace kdump
