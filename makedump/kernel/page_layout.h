// struct page (and what folios moved) of the dead kernel, and the numbers its fields are compared
// with.
//
// Each member is filled from the VMCOREINFO key of the same name; an era is told by which keys are
// there.
#pragma once

#include <cstdint>
#include <optional>

#include "makedump/kernel/vmcoreinfo.h"

namespace kdump {

struct PageLayout {
  uint64_t size = 0;                                            // SIZE(page), bytes; 16 … 512
  uint64_t flags = 0, mapcount = 0, mapping = 0, private_ = 0;  // OFFSET(page.…)

  // Tail pages point to their head: page.compound_head (4.4), bit 0 set in tails; renamed
  // compound_info in 7.1, where the word may be a mask instead of a pointer. Only bit 0 is used
  // here, and it means the same in all.
  uint64_t compound_head = 0;

  // Where the order of a compound page is.
  enum class OrderAt {
    first_tail_byte,   // a byte of its own in the first tail page: page.compound_order,
                       // folio._folio_order
    first_tail_flags,  // low byte of the first tail's flags (6.6, ebc1baf5c9b4)
  } order_at = OrderAt::first_tail_flags;
  uint64_t order_offset = 0;  // within the first tail page, for first_tail_byte

  // How a hugetlb page is known.
  enum class HugetlbBy {
    page_type,        // _mapcount of the head == PAGE_HUGETLB_MAPCOUNT_VALUE (6.9, d99e3140a4d3)
    first_tail_flag,  // bit PG_hugetlb in the first tail's flags (6.6 … 6.8, 9c5ccf2db04b)
    destructor,       // compound_dtor in the first tail == HUGETLB_PAGE_DTOR
    unknown,          // no key says: hugetlb pages are kept
  } hugetlb_by = HugetlbBy::unknown;
  uint64_t dtor_offset = 0;  // of one byte within the first tail page
  uint64_t hugetlb_dtor = 0;

  // Bit numbers in flags. A key that the kernel does not export any more (PG_slab since 6.10) is
  // absent: guessing a bit number would take another flag for it.
  std::optional<unsigned> pg_lru, pg_private, pg_swapcache, pg_swapbacked, pg_slab, pg_hwpoison,
      pg_hugetlb;
  std::optional<uint64_t> pg_head_mask;

  // Page types: the low 32 bits of _mapcount, compared whole.
  std::optional<uint32_t> buddy, slab, offline, hugetlb, unaccepted;

  uint64_t buddy_max_order = 0;  // LENGTH(zone.free_area): orders at or above it are corruption

  static Result<PageLayout> from(const VmcoreInfo& info);
};

}  // namespace kdump
