// kexec_file_load(2) for crash images: what is reserved, what is loaded, load, unload.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

// The system call itself: 0 or an errno. A descriptor that is not used is -1.
using KexecFileLoad = std::function<int(int kernel_fd, int initrd_fd,
                                        const std::string& command_line, unsigned long flags)>;
int kernel_kexec_file_load(int kernel_fd, int initrd_fd, const std::string& command_line,
                           unsigned long flags);

// Not found: this kernel cannot load crash images at all.
Result<bool> crash_image_loaded(const HostPaths& paths);

// All that crashkernel= took, low memory included; 0 when nothing is reserved. Not found as above.
Result<uint64_t> reserved_bytes(const HostPaths& paths);

// The region that kernel and image must fit into: the largest "Crash kernel" of /proc/iomem.
// Nothing when it cannot be told, as for a reader who is not root.
std::optional<uint64_t> largest_reserved_region(const HostPaths& paths);

// Whether the kernel keeps the loaded image's list of memory ("memory") or CPUs ("cpu") up to date
// by itself.
bool kernel_updates_hotplug(const HostPaths& paths, const std::string& subsystem);

// Why a load is bound to fail before it is tried, as far as the kernel says so: loading switched
// off until the next boot, or its allowance of loads used up.
Result<void> check_loading_allowed(const HostPaths& paths);

struct CrashImage {
  std::string kernel;  // files
  std::string initrd;
  std::string command_line;
  // If they are known, nothing else is loaded.
  std::string initrd_digest{};
  std::string kernel_digest{};
};

// What the kernel was given: digests of the very files, as they were read right before.
struct GivenImage {
  std::string kernel_digest, image_digest;
};

// Reads the image before the kernel does: one that is damaged is refused here, and costs nothing.
// After that, the kernel throws the loaded crash image away before it looks at the new one: after a
// failure, nothing may be loaded any more (ask crash_image_loaded).
Result<GivenImage> load_crash_image(const HostPaths& paths, const KexecFileLoad& kexec_file_load,
                                    const CrashImage& image);
Result<void> unload_crash_image(const HostPaths& paths, const KexecFileLoad& kexec_file_load);

}  // namespace kdump
