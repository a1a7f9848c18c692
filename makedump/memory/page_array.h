// The dead kernel's struct page array (SPARSEMEM and SPARSEMEM_EXTREME, with or without vmemmap).
//
// The sections are read once at open() (16 bytes for each present section of memory); the array
// itself is viewed in pieces, through the kernel's page tables. Immutable; threads share it, each
// with an AddressSpace of its own.
#pragma once

#include <optional>
#include <vector>

#include "makedump/kernel/page_layout.h"
#include "makedump/memory/address_space.h"
#include "makedump/memory/frames.h"

namespace kdump {

class PageArray {
 public:
  // bad_input when the section tables make no sense; unsupported for FLATMEM and DISCONTIGMEM.
  static Result<PageArray> open(AddressSpace& memory, const VmcoreInfo& info, const Arch& arch,
                                const Frames& frames);

  // Frames [first, first + count) whose struct pages view() can deliver in one go end at a
  // section's border.
  [[nodiscard]] uint64_t pages_per_section() const { return pages_per_section_; }

  struct View {
    Bytes structs;  // `count` struct pages of page_struct_size() bytes each; empty: this memory has
                    // no struct pages
    uint64_t count = 0;  // how many frames from `first` on this answers for; ≥ 1
  };
  // Struct pages from `first` on, as far as they are contiguous, at most `wanted` (≥ 1). Valid
  // until the next call on `memory`. A struct page that cannot be read is an Error; the caller
  // keeps those frames.
  Result<View> view(AddressSpace& memory, Pfn first, uint64_t wanted,
                    std::vector<std::byte>& scratch) const;

  [[nodiscard]] uint64_t page_struct_size() const { return page_struct_size_; }

 private:
  struct Section {
    uint64_t number;
    VirtAddr mem_map;  // of the section's first frame
  };
  std::vector<Section> sections_;  // present ones, by number
  uint64_t pages_per_section_ = 0;
  uint64_t page_struct_size_ = 0;
};

}  // namespace kdump
