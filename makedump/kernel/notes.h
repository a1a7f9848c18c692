// ELF notes of a vmcore: register sets of the CPUs, VMCOREINFO, device dumps.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "makedump/kernel/vmcoreinfo.h"
#include "makedump/source/source.h"

namespace kdump {

struct Note {
  std::string_view name;  // without the NUL
  uint32_t type = 0;
  Bytes desc;
  uint64_t desc_offset = 0;  // of desc within the note area
};

// Stops at the zero fill behind the last note; a note that claims more bytes than there are ends
// the list.
std::vector<Note> read_notes(Bytes area, ByteOrder order);

// bad_input, with file and offset, if there is none.
Result<VmcoreInfo> find_vmcoreinfo(const Source& source);

// How many CPUs left their registers (NT_PRSTATUS, "CORE").
unsigned count_cpus(const std::vector<Note>& notes);

}  // namespace kdump
