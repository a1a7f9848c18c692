#include "makedump/arch/x86_64.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace kdump {

namespace {

constexpr VirtAddr kKernelMap(0xffffffff80000000);  // __START_KERNEL_map
// KERNEL_IMAGE_SIZE: 1 GiB with KASLR, else 512 MiB; the modules are behind it.
constexpr uint64_t kDefaultImageSize = uint64_t{1} << 30;
// The direct map is moved by whole entries of the PUD (CONFIG_RANDOMIZE_MEMORY, 4.8).
constexpr uint64_t kPageOffsetAlign = uint64_t{1} << 30;

constexpr uint64_t kPresent = 1, kLarge = uint64_t{1} << 7;
constexpr uint64_t kAddressBits = 0x000ffffffffff000;  // 51 … 12
constexpr uint64_t kLowAddresses = 0xffffffff;
constexpr unsigned kPageShift = 12, kLevelBits = 9;
constexpr int64_t kMaxPhysBits = 53;       // exclusive: entries have no more
constexpr unsigned kLargestLeafLevel = 3;  // 1 GiB, in the PUD
constexpr size_t kReaderWindow = size_t{1} << 20;

class X86_64 final : public Arch {
 public:
  X86_64(const Source& source, const VmcoreInfo& info) : ram_(source.ram()), where_(info.where()) {}

  Result<void> setup(const Source& source, const VmcoreInfo& info);

  [[nodiscard]] std::string_view name() const override { return "x86_64"; }
  [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
  [[nodiscard]] unsigned default_max_physmem_bits() const override {
    return levels_ == 5 ? 52 : 46;
  }
  [[nodiscard]] uint64_t phys_base() const override { return phys_base_; }
  [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader& reader) const override;

 private:
  // A stretch of the kernel image: physically linear.
  struct Linear {
    VirtAddr virt;
    uint64_t bytes = 0;
    PhysAddr phys;
  };

  Result<void> read_numbers(const std::string& source_name, const VmcoreInfo& info);
  Result<void> find_page_table(const Source& source, const VmcoreInfo& info, PageReader& reader);
  void find_direct_map(const Source& source, PageReader& reader);

  [[nodiscard]] Result<Mapping> walk(VirtAddr addr, PageReader& reader) const;
  [[nodiscard]] std::optional<Mapping> in_ram(PhysAddr phys) const;
  [[nodiscard]] bool is_canonical(VirtAddr addr) const {
    const unsigned unused = 64 - (kPageShift + kLevelBits * levels_);
    return static_cast<uint64_t>(static_cast<int64_t>(addr.v << unused) >> unused) == addr.v;
  }
  [[nodiscard]] bool in_image_map(VirtAddr addr) const {
    return addr >= kKernelMap && addr - kKernelMap < image_size_;
  }
  // Modulo 2^64: phys_base is negative where the kernel was moved further virtually than
  // physically.
  [[nodiscard]] static PhysAddr image_phys(VirtAddr addr, uint64_t phys_base) {
    return PhysAddr(addr - kKernelMap + phys_base);
  }

  const std::vector<PhysRange> ram_;
  const std::string where_;  // VMCOREINFO, for messages
  unsigned levels_ = 4;
  uint64_t entry_mask_ = kAddressBits;
  uint64_t image_size_ = kDefaultImageSize;
  uint64_t phys_base_ = 0;
  PhysAddr page_table_;
  std::vector<Linear> image_;            // as program headers say; of hypervisors' dumps empty
  std::optional<uint64_t> page_offset_;  // the direct map's virtual minus physical
};

Result<void> X86_64::setup(const Source& source, const VmcoreInfo& info) {
  KDUMP_TRY(read_numbers(source.name(), info));
  KDUMP_TRY_ASSIGN(const auto reader, source.make_reader(kReaderWindow));
  KDUMP_TRY(find_page_table(source, info, *reader));
  find_direct_map(source, *reader);
  return {};
}

Result<void> X86_64::read_numbers(const std::string& source_name, const VmcoreInfo& info) {
  if (info.page_size().shift != kPageShift)
    return Error(Errc::bad_input, where_ + ": PAGESIZE is " +
                                      std::to_string(info.page_size().bytes()) +
                                      ", but x86_64 has pages of 4096 bytes");
  // Absent before 4.17, when a kernel with 5 levels could not run with 4.
  if (info.number("pgtable_l5_enabled").value_or(0) != 0) levels_ = 5;
  // The bit of an entry that says "encrypted" is no address bit (AMD SME and SEV).
  const auto sme_mask = static_cast<uint64_t>(info.number("sme_mask").value_or(0));
  if ((sme_mask & (sme_mask - 1)) != 0 || (sme_mask & ~(kAddressBits & ~kLowAddresses)) != 0)
    return Error(Errc::bad_input, where_ + ": NUMBER(sme_mask)=" +
                                      std::string(info.value("NUMBER(sme_mask)").value_or("")) +
                                      " makes no sense");
  entry_mask_ &= ~sme_mask;
  if (const auto size = info.number("KERNEL_IMAGE_SIZE")) {
    if (*size <= 0 || static_cast<uint64_t>(*size) > uint64_t{0} - kKernelMap.v)
      return Error(Errc::bad_input, where_ + ": NUMBER(KERNEL_IMAGE_SIZE)=" +
                                        std::to_string(*size) + " makes no sense");
    image_size_ = static_cast<uint64_t>(*size);
  }
  // A dump has bitmaps as long as the last page's number: memory that the kernel could not have
  // used must not make them so.
  const auto noted_bits = info.number("MAX_PHYSMEM_BITS");
  const uint64_t bits = noted_bits && *noted_bits > 0 && *noted_bits < kMaxPhysBits
                            ? static_cast<uint64_t>(*noted_bits)
                            : default_max_physmem_bits();
  if (!ram_.empty() && ram_.back().end.v > uint64_t{1} << bits)
    return Error(Errc::bad_input, source_name + ": memory up to physical address " +
                                      hex(ram_.back().end) + ", but the kernel could use only " +
                                      std::to_string(bits) + " bits of address");
  return {};
}

// Everything hangs on where the kernel image is in physical memory: phys_base, as the dead kernel
// noted it, and again as the program header of its text says (which the loader wrote before the
// crash). A base is right if the page table that it leads to maps itself to where it was found.
Result<void> X86_64::find_page_table(const Source& source, const VmcoreInfo& info,
                                     PageReader& reader) {
  VirtAddr table;
  // init_top_pgt since 65ade2f872b4 (4.13).
  if (const auto top = info.symbol("init_top_pgt")) {
    table = *top;
  } else if (const auto level4 = info.symbol("init_level4_pgt")) {
    table = *level4;
  } else {
    KDUMP_TRY_ASSIGN(table, info.require_symbol("swapper_pg_dir"));
  }
  if (!in_image_map(table) || table.v % (uint64_t{1} << kPageShift) != 0)
    return Error(Errc::bad_input, where_ + ": the kernel's page table at " + hex(table) +
                                      " is not a page of the kernel image");

  std::vector<uint64_t> bases;
  if (const auto noted = info.number("phys_base")) bases.push_back(static_cast<uint64_t>(*noted));
  for (const Segment& segment : source.segments()) {
    if (bases.size() >= 8) break;  // the kernel's has one
    if (!in_image_map(segment.virt)) continue;
    const uint64_t base = segment.phys.v - (segment.virt - kKernelMap);
    if (std::find(bases.begin(), bases.end(), base) == bases.end()) bases.push_back(base);
  }
  if (bases.empty())
    return Error(Errc::bad_input,
                 where_ + ": no NUMBER(phys_base), and no program header maps the kernel image");

  // Without any proof (the page tables may be what broke) the first is the best guess.
  phys_base_ = bases.front();
  page_table_ = image_phys(table, phys_base_);
  for (const uint64_t base : bases) {
    page_table_ = image_phys(table, base);
    const auto mapping = walk(table, reader);
    if (mapping && mapping->phys == page_table_) {
      phys_base_ = base;
      break;
    }
  }
  page_table_ = image_phys(table, phys_base_);
  if (!in_ram(page_table_))
    return Error(Errc::bad_input, where_ + ": the kernel's page table at " + hex(table) +
                                      " would be at physical address " + hex(page_table_) +
                                      ", where the dump has no memory");

  for (const Segment& segment : source.segments())
    if (in_image_map(segment.virt) && image_phys(segment.virt, phys_base_) == segment.phys)
      image_.push_back({segment.virt,
                        std::min(segment.mem_size, image_size_ - (segment.virt - kKernelMap)),
                        segment.phys});
  return {};
}

// The direct map of all memory is found by the virtual addresses of RAM's program headers, as its
// place is random and exported nowhere. A hypervisor's dump may list other mappings (or none), and
// a loader may have been wrong, so: the offset that most memory agrees in, unless the page tables
// contradict.
void X86_64::find_direct_map(const Source& source, PageReader& reader) {
  struct Candidate {
    uint64_t offset = 0, bytes = 0;
    const Segment* sample = nullptr;
  };
  std::vector<Candidate> candidates;
  for (const Segment& segment : source.segments()) {
    const uint64_t offset = segment.virt.v - segment.phys.v;
    if (segment.virt >= kKernelMap || segment.virt.v >> 63 == 0 || !is_canonical(segment.virt))
      continue;
    if (offset % kPageOffsetAlign != 0) continue;
    const auto known = std::find_if(candidates.begin(), candidates.end(),
                                    [&](const Candidate& c) { return c.offset == offset; });
    if (known != candidates.end())
      known->bytes += segment.mem_size;
    else if (candidates.size() < 64)
      candidates.push_back({offset, segment.mem_size, &segment});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.bytes > b.bytes; });
  for (const Candidate& candidate : candidates) {
    const auto mapping = walk(candidate.sample->virt, reader);
    if (mapping && mapping->phys != candidate.sample->phys) continue;
    page_offset_ = candidate.offset;
    return;
  }
}

Result<Arch::Mapping> X86_64::translate(VirtAddr addr, PageReader& reader) const {
  for (const Linear& part : image_) {
    const uint64_t into = addr.v - part.virt.v;
    if (into < part.bytes) return Mapping{part.phys + into, part.bytes - into};
  }
  if (page_offset_ && addr.v >= *page_offset_ && addr < kKernelMap) {
    // vmalloc and vmemmap are behind the direct map: beyond RAM, so they are not taken for it.
    if (const auto mapping = in_ram(PhysAddr(addr.v - *page_offset_))) return *mapping;
  }
  auto walked = walk(addr, reader);
  if (!walked && image_.empty() && in_image_map(addr))
    if (const auto mapping = in_ram(image_phys(addr, phys_base_))) return *mapping;
  return walked;
}

Result<Arch::Mapping> X86_64::walk(VirtAddr addr, PageReader& reader) const {
  if (!is_canonical(addr))
    return Error(Errc::not_found, "virtual address " + hex(addr) + " is not canonical");
  PhysAddr table = page_table_;
  for (unsigned level = levels_; level > 0; --level) {
    const unsigned shift = kPageShift + kLevelBits * (level - 1);
    const uint64_t leaf_bytes = uint64_t{1} << shift;
    const PhysAddr at = table + (addr.v >> shift & ((uint64_t{1} << kLevelBits) - 1)) * 8;
    std::array<std::byte, 8> raw{};
    if (auto read = reader.read(at, raw); !read) {
      std::string which =
          "virtual address " + hex(addr) + ": page table of level " + std::to_string(level);
      if (read.error().code() != Errc::not_found) return std::move(read).error().context(which);
      return Error(Errc::bad_input,
                   which + " at physical address " + hex(table) + ", where the dump has no memory");
    }
    const auto entry = load<uint64_t>(raw.data());
    if ((entry & kPresent) == 0)
      return Error(Errc::not_found, "virtual address " + hex(addr) + " is not mapped");
    const bool large = level > 1 && (entry & kLarge) != 0;
    if (large && level > kLargestLeafLevel)
      return Error(Errc::bad_input, "virtual address " + hex(addr) + ": page table entry " +
                                        hex(entry) + " of level " + std::to_string(level) +
                                        " at physical address " + hex(at) + " makes no sense");
    const uint64_t next = entry & entry_mask_;
    if (level == 1 || large) {
      const uint64_t into = addr.v & (leaf_bytes - 1);
      // Below the address of a large leaf is its PAT bit.
      return Mapping{PhysAddr(align_down(next, leaf_bytes) + into), leaf_bytes - into};
    }
    table = PhysAddr(next);
  }
  return Error(Errc::internal, "page table walk without end");
}

std::optional<Arch::Mapping> X86_64::in_ram(PhysAddr phys) const {
  const auto behind = std::upper_bound(ram_.begin(), ram_.end(), phys,
                                       [](PhysAddr a, const PhysRange& r) { return a < r.begin; });
  if (behind == ram_.begin()) return std::nullopt;
  const PhysRange& range = *(behind - 1);
  if (!range.contains(phys)) return std::nullopt;
  return Mapping{phys, range.end - phys};
}

}  // namespace

Result<std::unique_ptr<Arch>> make_x86_64(const Source& source, const VmcoreInfo& info) {
  auto arch = std::make_unique<X86_64>(source, info);
  KDUMP_TRY(arch->setup(source, info));
  return std::unique_ptr<Arch>(std::move(arch));
}

}  // namespace kdump
