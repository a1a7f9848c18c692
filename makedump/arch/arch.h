// What differs between machines: virtual to physical addresses, and the defaults of the memory
// model.
//
// Chosen at run time from the dump, so that any host can filter any dump. To add a machine: one
// file arch/<name>.cpp with one class, and one line in make_arch().
#pragma once

#include <memory>
#include <string_view>

#include "makedump/kernel/vmcoreinfo.h"
#include "makedump/source/source.h"

namespace kdump {

class Arch {
 public:
  virtual ~Arch() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  // as in utsname.machine
  // Used when VMCOREINFO has no NUMBER(SECTION_SIZE_BITS) / NUMBER(MAX_PHYSMEM_BITS) (before 5.9).
  [[nodiscard]] virtual unsigned default_section_size_bits() const = 0;
  [[nodiscard]] virtual unsigned default_max_physmem_bits() const = 0;
  // For the dump's sub-header; 0 where the machine has none.
  [[nodiscard]] virtual uint64_t phys_base() const { return 0; }

  struct Mapping {
    PhysAddr phys;   // of the address asked for
    uint64_t bytes;  // how many bytes from there on are mapped contiguously (to the end of the
                     // leaf, or of the linear map)
  };
  // not_found when nothing is mapped there, bad_input when the page tables are damaged. Reads
  // tables through `reader`. Const and thread-safe: each thread brings its reader.
  [[nodiscard]] virtual Result<Mapping> translate(VirtAddr addr, PageReader& reader) const = 0;
};

// unsupported for machines that we cannot filter yet; bad_input where VMCOREINFO lacks what the
// machine needs.
Result<std::unique_ptr<Arch>> make_arch(const Source& source, const VmcoreInfo& info);

}  // namespace kdump
