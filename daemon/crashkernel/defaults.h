// How much to reserve by default: the tables of RHEL's kdumpctl, by architecture and what is known
// to take memory in the capture kernel there.
//
// The newest table (RHEL 10) is ours on every distribution, Debian included. Its own default
// (384M-:128M) is what our small native image can do with, but not what a dracut image, a debug
// kernel or a host with large network cards can; `kdumpctl estimate` tells what this host needs.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/host/host.h"
#include "makedump/base/result.h"

namespace kdump {

enum class DumpMode { kdump, fadump };

// What moves the default.
struct CrashkernelFacts {
  std::string machine;             // as uname(2)
  bool memory_encryption = false;  // x86: SME or SEV is active, so swiotlb takes 64 MiB
  bool pages_64k = false;          // aarch64
  bool smmu = false;               // aarch64: its queues grow with 64 KiB pages
  bool mlx5 = false;               // aarch64: this driver takes much
};

// The kernel that captures: KDUMP_KERNELVER of /etc/sysconfig/kdump, or the running one.
std::string capture_kernel_release(const Host& host);

// Of this host, for a kernel release that is installed on it. RHEL's kernels with 64 KiB pages say
// so in their names; the running kernel is asked.
CrashkernelFacts read_crashkernel_facts(const Host& host, const std::string& release);

// "2G-64G:256M,64G-:512M". unsupported where RHEL has no table.
Result<std::string> default_crashkernel(const CrashkernelFacts& facts, DumpMode mode);

// Whether a value is one that RHEL 8, 9 or 10 set by itself, on any variant of this architecture:
// then nobody chose it, and it may be replaced by the default of now.
bool was_default_crashkernel(const std::string& machine, const std::string& value);

// fadump (ppc64le) is switched on in the running kernel.
DumpMode running_dump_mode(const HostPaths& paths);

// Bytes of memory as crashkernel= counts them: System RAM of /proc/iomem, or, for others than root,
// MemTotal of /proc/meminfo, which is a little less.
Result<uint64_t> system_ram(const HostPaths& paths);

}  // namespace kdump
