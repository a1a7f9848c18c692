// Which kernel file boots after a crash, and whether kexec_file_load can take it.
//
// The running release's own kernel: its signature is trusted already, its modules are installed,
// and it is known to boot here.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/host/host_paths.h"
#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

struct KernelImage {
  std::string path;
  uint64_t file_bytes = 0;
  uint64_t memory_bytes = 0;       // what it takes before it has set up its memory (init_size)
  uint32_t command_line_size = 0;  // longest command line, bytes with the NUL
};

// Finds vmlinuz of `release` and checks it.
Result<KernelImage> find_kernel(const HostPaths& paths, const std::string& release,
                                const std::string& machine);

// Checks the head of an x86 bzImage. `release`: what the file must say it is, if it says.
Result<KernelImage> check_bzimage(Bytes head, const std::string& path, const std::string& release);

}  // namespace kdump
