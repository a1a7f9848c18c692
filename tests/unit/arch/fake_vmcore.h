// A vmcore in memory: pages that a test pokes, program headers, and page tables of x86_64.
#pragma once

#include <elf.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "makedump/kernel/vmcoreinfo.h"
#include "makedump/source/source.h"

namespace kdump::test {

class FakeVmcore final : public Source {
 public:
  static constexpr uint64_t kPage = 4096;
  // Bits of page table entries.
  static constexpr uint64_t kPresent = 1, kLarge = 0x80, kUsual = 0x63;

  std::vector<Segment> program_headers;
  std::vector<PhysRange> memory;  // what is RAM; pages of it that nobody poked are zero
  uint16_t elf_machine = EM_X86_64;
  mutable uint64_t reads = 0;  // of all readers

  void ram(uint64_t begin, uint64_t end) { memory.push_back({PhysAddr(begin), PhysAddr(end)}); }
  void segment(uint64_t virt, uint64_t phys, uint64_t size) {
    program_headers.push_back({VirtAddr(virt), PhysAddr(phys), size, size, FileOffset(0)});
  }

  void poke(uint64_t phys, Bytes bytes) {
    for (size_t i = 0; i < bytes.size(); ++i)
      page(phys + i)[(phys + i) % kPage] = bytes[i];
  }
  template <class T>
  void poke(uint64_t phys, T value) {
    std::byte raw[sizeof(T)];
    store(raw, value);
    poke(phys, Bytes(raw));
  }
  [[nodiscard]] uint64_t peek(uint64_t phys) {
    return load<uint64_t>(page(phys).data() + phys % kPage);
  }

  // Maps `virt` to `phys` by a leaf of `leaf_level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB) in the tables
  // whose top, of level `levels`, is at `top`. Tables are made as needed, from `next_table` on.
  void map(uint64_t top, unsigned levels, uint64_t virt, uint64_t phys, unsigned leaf_level,
           uint64_t more_bits = 0) {
    uint64_t table = top;
    for (unsigned level = levels;; --level) {
      const uint64_t at = entry_address(table, level, virt);
      if (level == leaf_level) {
        poke<uint64_t>(at, phys | kUsual | more_bits | (level > 1 ? kLarge : 0));
        return;
      }
      if ((peek(at) & kPresent) == 0) {
        poke<uint64_t>(at, next_table | kUsual | (more_bits & kEncrypted));
        next_table += kPage;
      }
      table = peek(at) & 0x000ffffffffff000 & ~kEncrypted;
    }
  }
  static uint64_t entry_address(uint64_t table, unsigned level, uint64_t virt) {
    return table + (virt >> (12 + 9 * (level - 1)) & 511) * 8;
  }
  static constexpr uint64_t kEncrypted = uint64_t{1} << 47;  // as sme_mask says
  uint64_t next_table = 0x40000;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] uint16_t machine() const override { return elf_machine; }
  [[nodiscard]] ByteOrder byte_order() const override { return ByteOrder::little; }
  [[nodiscard]] const std::vector<Segment>& segments() const override { return program_headers; }
  [[nodiscard]] const std::vector<PhysRange>& ram() const override { return memory; }
  [[nodiscard]] Bytes notes() const override { return {}; }
  [[nodiscard]] FileOffset notes_offset() const override { return {}; }
  [[nodiscard]] Result<std::unique_ptr<PageReader>> make_reader(size_t) const override {
    return std::unique_ptr<PageReader>(std::make_unique<Reader>(*this));
  }

 private:
  // Like a real one, it hands out a buffer that the next call overwrites.
  class Reader final : public PageReader {
   public:
    explicit Reader(const FakeVmcore& vmcore) : vmcore_(vmcore) {}
    Result<Bytes> view(PhysAddr addr, size_t size) override {
      ++vmcore_.reads;
      EXPECT_LE(size, size_t{64} << 10);
      for (const PhysRange& range : vmcore_.memory) {
        if (!range.contains(addr) || range.end - addr < size) continue;
        buffer_.assign(size, std::byte{0});
        for (size_t i = 0; i < size; ++i) {
          const auto found = vmcore_.pages_.find((addr.v + i) / kPage);
          if (found != vmcore_.pages_.end()) buffer_[i] = found->second[(addr.v + i) % kPage];
        }
        return Bytes(buffer_);
      }
      return Error(Errc::not_found, "no memory at physical address " + hex(addr));
    }
    Result<Bytes> view_frame(PhysAddr addr, size_t size) override { return view(addr, size); }

   private:
    const FakeVmcore& vmcore_;
    std::vector<std::byte> buffer_;
  };

  std::vector<std::byte>& page(uint64_t phys) {
    auto& bytes = pages_[phys / kPage];
    bytes.resize(kPage);
    return bytes;
  }

  std::string name_ = "/x/vmcore";
  std::map<uint64_t, std::vector<std::byte>> pages_;
};

// VMCOREINFO of these lines.
inline VmcoreInfo vmcoreinfo(const std::string& lines) {
  auto info =
      VmcoreInfo::parse("OSRELEASE=6.1.0-test\nPAGESIZE=4096\n" + lines, "/x/vmcore: VMCOREINFO");
  EXPECT_TRUE(info) << info.error().message();
  return std::move(*info);
}

}  // namespace kdump::test
