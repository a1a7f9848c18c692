// From a raw device as kdump.conf names it to what the capture kernel has to write to.
#include <fcntl.h>
#include <filesystem>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "initramfs/image/block_stack.h"
#include "initramfs/image/device_modules.h"
#include "initramfs/image/network_disks.h"
#include "initramfs/image/target.h"
#include "initramfs/plan/block_device.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr uint64_t kSmallest = uint64_t{16} << 20;

std::string line_of(const Target& target) {
  return "raw " + target.device;
}

Result<std::string> find_raw_device(const Target& target) {
  BlockDeviceSearch search(target.device);
  auto device = search.find();
  if (device) return device;
  return Error(device.error().code(), line_of(target) + ": no such block device (there are: " +
                                          search.seen() + "; lsblk -f shows more)");
}

bool has_partitions(const std::string& name) {
  std::error_code failed;
  for (std::filesystem::directory_iterator it("/sys/class/block/" + name, failed), end;
       !failed && it != end; it.increment(failed))
    if (std::filesystem::exists(it->path() / "partition", failed)) return true;
  return false;
}

// What stands on it now would be gone after a crash.
Result<void> check_unused(const std::string& line, const std::string& device,
                          const std::string& name) {
  if (has_partitions(name))
    return Error(Errc::usage, line + ": " + device +
                                  " has partitions, which a dump would overwrite: name one of "
                                  "them, or another device");
  // With O_EXCL the kernel refuses what is mounted, swapped to, or part of a volume.
  const auto opened = open_file(device, O_RDONLY | O_EXCL);
  if (!opened && opened.error().sys_errno() == EBUSY)
    return Error(Errc::usage, line + ": " + device +
                                  " is in use (mounted, swap, or part of a volume), and a dump "
                                  "would overwrite it: name another device");
  if (!opened) return opened.error();
  uint64_t bytes = 0;
  if (::ioctl(opened->get(), BLKGETSIZE64, &bytes) != 0) return Error::from_errno(device);
  if (bytes < kSmallest)
    return Error(Errc::no_space, line + ": " + device + " has " + human_bytes(bytes) +
                                     ", too small for any dump: name a larger device");
  return {};
}

}  // namespace

Result<TargetPlan> resolve_raw_target(const Target& target) {
  KDUMP_TRY_ASSIGN(const std::string device, find_raw_device(target));
  KDUMP_TRY_ASSIGN(const std::string name, kernel_name_of(device));
  KDUMP_TRY(check_plain_device(name));
  KDUMP_TRY(check_unused(line_of(target), device, name));
  TargetPlan plan;
  plan.kind = TargetKind::raw;
  // Not by what is on it: the first capture overwrites that, and there may be a second one before
  // the host has armed itself again.
  KDUMP_TRY_ASSIGN(BlockIdentity identity, probe_block_device(device));
  identity.uuid.clear();
  plan.device = stable_spec(identity, name, device_path(name));
  KDUMP_TRY_ASSIGN(const BlockStack stack, block_stack(name));
  KDUMP_TRY_ASSIGN(plan.network_disks, network_disks_of(stack));
  return plan;
}

std::string raw_target_warning(const Target& target) {
  if (target.kind != TargetKind::raw) return "";
  const auto device = find_raw_device(target);
  if (!device) return "";
  const auto identity = probe_block_device(*device);
  const bool fine = identity ? identity->type.empty() : identity.error().code() != Errc::bad_input;
  if (fine) return "";
  const std::string what = identity ? identity->type : "several file systems";
  return line_of(target) + ": " + *device + " holds " + what +
         ", which a dump overwrites: name another device, or clear it with wipefs -a " + *device;
}

}  // namespace kdump
