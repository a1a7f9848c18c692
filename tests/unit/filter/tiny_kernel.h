// A kernel of one memory section for tests: identity-mapped, 128 MiB of RAM, struct pages that a
// test fills field by field.
#pragma once

#include <string>
#include <vector>

#include "makedump/memory/page_array.h"

namespace kdump::test {

class TinyKernel {
 public:
  static constexpr uint64_t kFrames = 32768;  // one section of 2^27 bytes
  static constexpr uint64_t kStructSize = 64;

  // Field offsets as x86_64 kernels of 6.1 … 6.12 have them.
  static constexpr uint64_t kFlags = 0, kMapping = 24, kPrivate = 40, kMapcount = 48, kHead = 8;

  // Bit numbers and types that text() announces.
  static constexpr unsigned kLru = 5, kPrivateBit = 13, kSwapcache = 10, kSwapbacked = 19,
                            kHwpoison = 22, kHeadBit = 6;
  static constexpr uint32_t kBuddy = 0xf0000000, kOffline = 0xf1000000, kHugetlb = 0xf4000000,
                            kSlab = 0xf5000000, kUnaccepted = 0xf7000000;

  TinyKernel() : memory_(size_t{4} << 20) {
    store<uint64_t>(at(kRoots), kSectionArray);
    // SECTION_MARKED_PRESENT and SECTION_HAS_MEM_MAP; section 0, so nothing is subtracted from the
    // pointer.
    store<uint64_t>(at(kSectionArray), kMemMap | 3);
    for (uint64_t pfn = 0; pfn < kFrames; ++pfn)
      mapcount(pfn, 0xffffffff);
  }

  void flags(uint64_t pfn, uint64_t value) { store<uint64_t>(page(pfn) + kFlags, value); }
  void mapping(uint64_t pfn, uint64_t value) { store<uint64_t>(page(pfn) + kMapping, value); }
  void private_(uint64_t pfn, uint64_t value) { store<uint64_t>(page(pfn) + kPrivate, value); }
  void mapcount(uint64_t pfn, uint32_t value) { store<uint32_t>(page(pfn) + kMapcount, value); }
  // A compound page: head flag, order in the first tail's flags, tails that point to the head.
  void compound(uint64_t pfn, unsigned order) {
    flags(pfn, load<uint64_t>(page(pfn) + kFlags) | uint64_t{1} << kHeadBit);
    flags(pfn + 1, order);
    for (uint64_t i = 1; i < uint64_t{1} << order; ++i)
      store<uint64_t>(page(pfn + i) + kHead, kMemMap + pfn * kStructSize + 1);
  }

  static std::string text() {
    return "OSRELEASE=6.12.0-test\nPAGESIZE=4096\n"
           "SYMBOL(mem_section)=1000\nLENGTH(mem_section)=2048\nSIZE(mem_section)=16\n"
           "OFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=27\n"
           "NUMBER(MAX_PHYSMEM_BITS)=46\nSIZE(page)=64\nOFFSET(page.flags)=0\n"
           "OFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=8\n"
           "OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_head)=8\n"
           "NUMBER(PG_lru)=5\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\n"
           "NUMBER(PG_swapbacked)=19\nNUMBER(PG_hwpoison)=22\nNUMBER(PG_head_mask)=64\n"
           "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=4026531840\n"
           "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=4043309056\n"
           "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=4093640704\n"
           "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=4110417920\n"
           "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=4143972352\n"
           "LENGTH(zone.free_area)=11\n";
  }

  [[nodiscard]] std::unique_ptr<PageReader> reader() const {
    return std::make_unique<Reader>(memory_);
  }

  // Virtual is physical.
  class IdentityArch final : public Arch {
   public:
    explicit IdentityArch(uint64_t mapped) : mapped_(mapped) {}
    [[nodiscard]] std::string_view name() const override { return "test"; }
    [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
    [[nodiscard]] unsigned default_max_physmem_bits() const override { return 46; }
    [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader& /*reader*/) const override {
      if (addr.v >= mapped_) return Error(Errc::not_found, "nothing at " + hex(addr));
      return Mapping{PhysAddr(addr.v), (uint64_t{2} << 20) - addr.v % (uint64_t{2} << 20)};
    }

   private:
    const uint64_t mapped_;  // bytes, from address 0 on
  };

 private:
  static constexpr uint64_t kRoots = 0x1000, kSectionArray = 0x8000, kMemMap = 0x100000;

  class Reader final : public PageReader {
   public:
    explicit Reader(const std::vector<std::byte>& memory) : memory_(memory) {}
    Result<Bytes> view(PhysAddr addr, size_t size) override {
      if (addr.v > memory_.size() || memory_.size() - addr.v < size)
        return Error(Errc::not_found, "no memory at " + hex(addr));
      return Bytes(memory_).subspan(addr.v, size);
    }
    Result<Bytes> view_frame(PhysAddr addr, size_t size) override { return view(addr, size); }

   private:
    const std::vector<std::byte>& memory_;
  };

  std::byte* at(uint64_t addr) { return memory_.data() + addr; }
  std::byte* page(uint64_t pfn) { return at(kMemMap + pfn * kStructSize); }

  std::vector<std::byte> memory_;
};

}  // namespace kdump::test
