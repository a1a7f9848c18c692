// Which kernel file boots after a crash, and whether kexec_file_load can take it.
//
// The running release's own kernel, if nothing else is asked for: its signature is trusted already,
// its modules are installed, and it is known to boot here.
#pragma once

#include <cstdint>
#include <string>

#include "config/settings.h"
#include "daemon/host/host.h"
#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

// A kernel file that is read whole is not longer.
constexpr size_t kLargestKernelFile = size_t{512} << 20;

struct KernelImage {
  std::string release;  // modules are those of this one
  std::string path;
  uint64_t file_bytes = 0;
  uint64_t memory_bytes = 0;       // what it takes before it has set up its memory (init_size)
  uint32_t command_line_size = 0;  // longest command line, bytes with the NUL
};

// Finds the kernel file of `release` and checks it. `places`: KDUMP_BOOTDIR, KDUMP_IMG and
// KDUMP_IMG_EXT; else every place where distributions put kernels is looked at.
Result<KernelImage> find_kernel(const HostPaths& paths, const std::string& release,
                                const std::string& machine, const Sysconfig& places = {});

// The kernel that sysconfig names (KDUMP_KERNELVER), or the running one's; for a running debug
// kernel of RHEL's the plain one beside it, which needs much less memory, if it is installed.
Result<KernelImage> choose_kernel(const Host& host, const Sysconfig& sysconfig);

// The same, by what sysconfig says now.
Result<KernelImage> configured_kernel(const Host& host);

// Its release; the running one's while it cannot be told.
std::string configured_release(const Host& host);

// Checks the head of an x86 bzImage. `release`: what the file must say it is, if it says.
Result<KernelImage> check_bzimage(Bytes head, const std::string& path, const std::string& release);

}  // namespace kdump
