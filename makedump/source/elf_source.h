// ELF64 vmcores: /proc/vmcore, copies of it, and what hypervisors write (QEMU's dump-guest-memory).
#pragma once

#include <memory>
#include <string>

#include "makedump/base/fd.h"
#include "makedump/source/source.h"

namespace kdump {

// `file_size`: bytes; `is_memory`: the file is /proc/vmcore. bad_input names file and offset.
Result<std::unique_ptr<Source>> open_elf_source(Fd fd, std::string name, uint64_t file_size,
                                                bool is_memory);

}  // namespace kdump
