#include "daemon/crashkernel/need.h"

#include <sys/stat.h>

#include "daemon/arm/kernel_image.h"
#include "daemon/arm/kexec.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// Of the packed image. It is there next to the unpacked files until it is unpacked; ours (programs,
// libraries, modules) packs to about a third.
constexpr uint64_t kImageFactor = 4;
// makedump's peak while it writes a small dump; its bitmaps come in windows when memory is short.
constexpr uint64_t kAssumedDumper = 8 * kMiB;
// What the kernel allocates when it runs: page structures, slabs, drivers, page cache. Measured
// with Debian's 6.1 and 6.12: the smallest reservation that works leaves 16 MiB for this; half as
// much again for devices that take more.
constexpr uint64_t kKernelRuntime = 24 * kMiB;

}  // namespace

std::string MemoryNeed::describe() const {
  std::string text = human_bytes(needed) + " needed (";
  for (const Part& part : parts)
    text += (&part == parts.data() ? "" : ", ") + part.what + " " + human_bytes(part.bytes);
  return text + ")";
}

Result<MemoryNeed> needed_memory(const Host& host, const std::vector<Capture>& captures) {
  MemoryNeed need;
  KDUMP_TRY_ASSIGN(need.reserved, reserved_bytes(host.paths));
  KDUMP_TRY_ASSIGN(const KernelImage kernel, find_kernel(host.paths, host.release, host.machine));
  const std::string image = host.paths.image(host.release);
  struct stat info {};
  if (::stat(image.c_str(), &info) != 0) return Error::from_errno(image);

  need.parts.push_back({"kernel", kernel.memory_bytes, kernel.path});
  need.parts.push_back(
      {"capture image", kImageFactor * static_cast<uint64_t>(info.st_size), image});
  MemoryNeed::Part dumper{"makedump", kAssumedDumper, "assumed: nothing was captured here yet"};
  for (const Capture& capture : captures)
    if (capture.peak_memory_kib != 0) {  // newest first
      dumper.bytes = capture.peak_memory_kib * 1024;
      dumper.source = "measured in capture " + capture.id;
      need.measured_in = capture.id;
      break;
    }
  need.parts.push_back(std::move(dumper));
  need.parts.push_back({"kernel at work", kKernelRuntime, "assumed"});
  for (const MemoryNeed::Part& part : need.parts)
    need.needed += part.bytes;
  return need;
}

}  // namespace kdump
