#include "daemon/crashkernel/need.h"

#include <algorithm>
#include <iterator>
#include <sys/stat.h>

#include "daemon/arm/kernel_image.h"
#include "daemon/arm/kexec.h"
#include "daemon/crashkernel/crypttab.h"
#include "daemon/crashkernel/defaults.h"
#include "daemon/crashkernel/luks.h"
#include "daemon/crashkernel/parameter.h"
#include "initramfs/image/image_check.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// An image that cannot be looked into: packed and unpacked, by what ours pack to (a third).
constexpr uint64_t kImageFactor = 4;
// makedump's peak is 3.2 MiB (tests/vm/main-job), and half as much again. It does not grow with the
// host: bitmaps come in windows when memory is short.
constexpr uint64_t kAssumedDumper = 5 * kMiB;
// What the kernel allocates when it runs: page structures, slabs, drivers, page cache. Measured
// with Debian's 6.1 (tests/vm/smallest-crashkernel): the smallest reservation that works leaves
// 9 MiB for this; the rest is for devices that take more than virtio's.
constexpr uint64_t kKernelRuntime = 16 * kMiB;
// In an image that cannot be looked into, systemd and udev are at work as well.
constexpr uint64_t kUnknownRuntime = 24 * kMiB;
// Receive rings of a network card and socket buffers: the largest sizes that TCP takes by itself
// (tcp_rmem, tcp_wmem), and some MiB of rings.
constexpr uint64_t kNetworkRuntime = 12 * kMiB;
// kdump-capture-ssh takes 10 MiB more than kdump-capture: libssh, keys, and what is written and not
// confirmed; half as much again.
constexpr uint64_t kSshRuntime = 15 * kMiB;

constexpr char kKernelPart[] = "kernel";
constexpr uint64_t kRhelRuntime = 16 * kMiB;

// cryptsetup itself, next to Argon2's memory; RHEL's figures.
uint64_t unlock_overhead(const std::string& machine) {
  return (machine == "aarch64" ? 50 : 20) * kMiB;
}

// Returns what the image is to do, if it can be looked into.
Result<std::optional<CapturePlan>> add_image(const Host& host, const std::string& release,
                                             MemoryNeed& need) {
  const std::string image = host.paths.image(release);
  struct stat info {};
  if (::stat(image.c_str(), &info) != 0) return Error::from_errno(image);
  MemoryNeed::Part part{"capture image", kImageFactor * static_cast<uint64_t>(info.st_size), image};
  // The packed image is there until it is unpacked.
  std::optional<CapturePlan> plan;
  if (auto contents = inspect_image(image, release)) {
    part.bytes = contents->packed_bytes + contents->unpacked_bytes;
    for (size_t i = 0; i < contents->modules.size(); ++i)
      need.modules.push_back({contents->modules[i], contents->module_bytes[i]});
    plan = std::move(contents->plan);
  }
  need.parts.push_back(std::move(part));
  return plan;
}

}  // namespace

std::string MemoryNeed::describe() const {
  std::string text = human_bytes(needed) + " needed (";
  for (const Part& part : parts)
    text += (&part == parts.data() ? "" : ", ") + part.what + " " + human_bytes(part.bytes);
  return text + ")";
}

std::vector<MemoryNeed::Part> needed_at_work(const std::optional<CapturePlan>& plan) {
  if (!plan) return {{"kernel at work", kUnknownRuntime, "assumed"}};
  std::vector<MemoryNeed::Part> parts = {{"kernel at work", kKernelRuntime, "assumed"}};
  // One target is tried after the other: each of these is needed once.
  bool network = false, ssh = false;
  for (const TargetPlan& target : plan->targets) {
    network |= target.needs_network();
    ssh |= target.kind == TargetKind::ssh || target.kind == TargetKind::sftp;
  }
  if (network) parts.push_back({"network", kNetworkRuntime, "assumed"});
  if (ssh) parts.push_back({"SSH", kSshRuntime, "assumed"});
  return parts;
}

Result<MemoryNeed> needed_memory(const Host& host, const std::vector<Capture>& captures) {
  MemoryNeed need;
  KDUMP_TRY_ASSIGN(need.reserved, reserved_bytes(host.paths));
  KDUMP_TRY_ASSIGN(const KernelImage kernel, configured_kernel(host));
  need.parts.push_back({kKernelPart, kernel.memory_bytes, kernel.path});
  KDUMP_TRY_ASSIGN(const std::optional<CapturePlan> plan, add_image(host, kernel.release, need));

  MemoryNeed::Part dumper{"makedump", kAssumedDumper, "assumed: nothing was captured here yet"};
  const auto measured =
      std::find_if(captures.begin(), captures.end(),  // newest first
                   [](const Capture& capture) { return capture.peak_memory_kib != 0; });
  if (measured != captures.end()) {
    dumper.bytes = need.peak = measured->peak_memory_kib * 1024;
    dumper.source = "measured in capture " + measured->id;
    need.measured_in = measured->id;
    need.left = measured->least_available_kib * 1024;
  }
  need.parts.push_back(std::move(dumper));
  std::ranges::move(needed_at_work(plan), std::back_inserter(need.parts));
  for (const MemoryNeed::Part& part : need.parts)
    need.needed += part.bytes;
  return need;
}

Result<RhelEstimate> rhel_estimate(const Host& host, const MemoryNeed& need,
                                   const Settings& settings) {
  RhelEstimate estimate;
  const std::string image = host.paths.image(configured_release(host));
  struct stat info {};
  if (::stat(image.c_str(), &info) != 0) return Error::from_errno(image);
  estimate.image = static_cast<uint64_t>(info.st_size);
  for (const MemoryNeed::Part& part : need.parts)
    if (part.what == kKernelPart) estimate.kernel = part.bytes;
  for (const MemoryNeed::Module& module : need.modules)
    estimate.modules += module.bytes;
  estimate.runtime = kRhelRuntime;
  for (const LuksVolume& volume : luks_volumes(host.paths, settings))  // one after the other
    if (volume.kdf_bytes != 0 && !volume_key_is_handed_over(host.paths, volume))
      estimate.luks = std::max(estimate.luks, volume.kdf_bytes + unlock_overhead(host.machine));

  KDUMP_TRY_ASSIGN(const uint64_t ram, system_ram(host.paths));
  const auto by_default = default_crashkernel(
      read_crashkernel_facts(host, capture_kernel_release(host)), DumpMode::kdump);
  uint64_t default_bytes = 0;
  if (by_default) {
    KDUMP_TRY_ASSIGN(const CrashkernelValue value, parse_crashkernel(*by_default));
    default_bytes = reservation(value, ram).value_or(0);
  }
  estimate.recommended =
      std::max(default_bytes, estimate.kernel + estimate.modules + 3 * estimate.image +
                                  estimate.runtime + estimate.luks);
  return estimate;
}

}  // namespace kdump
