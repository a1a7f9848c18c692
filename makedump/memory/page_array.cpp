#include "makedump/memory/page_array.h"

#include <algorithm>
#include <array>
#include <string>

namespace kdump {

namespace {

// enum in include/linux/mmzone.h; more flags came later, these two stayed.
constexpr uint64_t kMarkedPresent = 1, kHasMemMap = 2;

// Linux has sections of 16 MiB (ppc64) to 1 GiB (arm64 with large pages).
constexpr unsigned kMinSectionBits = 21, kMaxSectionBits = 40, kMaxPhysmemBits = 60;
constexpr uint64_t kMaxSectionStruct = 4096;
// 16 bytes of memory each: 512 TiB of RAM on x86_64 in 64 MiB.
constexpr uint64_t kMaxSections = uint64_t{1} << 22;

// What the section tables look like, by VMCOREINFO.
struct Geometry {
  VirtAddr symbol;  // SYMBOL(mem_section)
  unsigned section_bits = 0;
  uint64_t struct_size = 0;  // SIZE(mem_section)
  uint64_t map_offset = 0;   // OFFSET(mem_section.section_mem_map)
  uint64_t sections = 0;     // of the whole physical address space
  bool extreme = false;      // an array of pointers to roots instead of one of sections
  uint64_t sections_per_root = 1;
  uint64_t pages_per_section = 0;
  uint64_t page_struct_size = 0;
  uint64_t flag_mask = 0;  // low bits of section_mem_map that can't be the address's
};

Result<void> check(const VmcoreInfo& info, bool sensible, const std::string& key, uint64_t value) {
  if (sensible) return {};
  return Error(Errc::bad_input,
               info.where() + ": " + key + "=" + std::to_string(value) + " makes no sense");
}

Result<uint64_t> bits(const VmcoreInfo& info, const std::string& name, unsigned fallback,
                      uint64_t least, uint64_t most) {
  const std::string key = "NUMBER(" + name + ")";
  if (!info.value(key)) return uint64_t{fallback};  // exported since 4f5aecdff25f (5.9)
  KDUMP_TRY_ASSIGN(const int64_t value, info.require_number(name));
  KDUMP_TRY(check(
      info,
      value >= 0 && static_cast<uint64_t>(value) >= least && static_cast<uint64_t>(value) <= most,
      key, static_cast<uint64_t>(value)));
  return static_cast<uint64_t>(value);
}

Result<Geometry> read_geometry(const VmcoreInfo& info, const Arch& arch) {
  if (!info.value("SYMBOL(mem_section)")) {
    if (info.value("OFFSET(pglist_data.node_mem_map)") || info.value("SYMBOL(mem_map)"))
      return Error(Errc::unsupported,
                   info.where() +
                       ": the kernel was built with FLATMEM or DISCONTIGMEM; only "
                       "SPARSEMEM can be filtered");
  }
  Geometry geometry;
  KDUMP_TRY_ASSIGN(geometry.symbol, info.require_symbol("mem_section"));
  KDUMP_TRY_ASSIGN(geometry.struct_size, info.require_size("mem_section"));
  KDUMP_TRY(check(info,
                  geometry.struct_size >= 8 && geometry.struct_size <= kMaxSectionStruct &&
                      geometry.struct_size % 8 == 0,
                  "SIZE(mem_section)", geometry.struct_size));
  KDUMP_TRY_ASSIGN(geometry.map_offset, info.require_offset("mem_section.section_mem_map"));
  KDUMP_TRY(check(info,
                  geometry.map_offset <= geometry.struct_size - 8 && geometry.map_offset % 8 == 0,
                  "OFFSET(mem_section.section_mem_map)", geometry.map_offset));
  KDUMP_TRY_ASSIGN(geometry.page_struct_size, info.require_size("page"));
  KDUMP_TRY(check(info, geometry.page_struct_size >= 16 && geometry.page_struct_size <= 512,
                  "SIZE(page)", geometry.page_struct_size));

  const PageSize page_size = info.page_size();
  KDUMP_TRY_ASSIGN(const uint64_t section_bits,
                   bits(info, "SECTION_SIZE_BITS", arch.default_section_size_bits(),
                        std::max(kMinSectionBits, page_size.shift + 6), kMaxSectionBits));
  KDUMP_TRY_ASSIGN(const uint64_t physmem_bits,
                   bits(info, "MAX_PHYSMEM_BITS", arch.default_max_physmem_bits(), section_bits + 1,
                        kMaxPhysmemBits));
  geometry.section_bits = static_cast<unsigned>(section_bits);
  geometry.sections = uint64_t{1} << (physmem_bits - section_bits);
  geometry.pages_per_section = uint64_t{1} << (section_bits - page_size.shift);

  // SPARSEMEM_EXTREME: LENGTH(mem_section) counts roots, each a page full of sections.
  const uint64_t per_page = std::max<uint64_t>(1, page_size.bytes() / geometry.struct_size);
  const auto length = info.length("mem_section");
  geometry.extreme = !length || *length != geometry.sections;
  if (geometry.extreme) geometry.sections_per_root = per_page;
  // A number of roots of its own is believed: the bits above may be the defaults of the machine.
  if (geometry.extreme && length) {
    const auto sections = checked_mul(*length, per_page);
    KDUMP_TRY(check(info, *length > 0 && sections && *sections <= uint64_t{1} << 40,
                    "LENGTH(mem_section)", *length));
    geometry.sections = *sections;
  }

  // Flags are in the low bits of section_mem_map, and their number grows (3 in 4.18, 6 in 6.16).
  // The rest is the address of the section's page array minus the index of its first frame, so as
  // many low bits are flags as both are aligned to: the array at least to a page.
  const uint64_t section_bytes = geometry.pages_per_section * geometry.page_struct_size;
  geometry.flag_mask = std::min(section_bytes & (~section_bytes + 1), page_size.bytes()) - 1;
  return geometry;
}

// Looks sections up in the tables.
class SectionTable {
 public:
  SectionTable(AddressSpace& memory, const Geometry& geometry, VirtAddr base)
      : memory_(memory), geometry_(geometry), base_(base) {}

  // The page array of a section; nothing when it has none.
  Result<std::optional<VirtAddr>> mem_map(uint64_t number) {
    if (number >= geometry_.sections) return std::optional<VirtAddr>();
    KDUMP_TRY_ASSIGN(const auto entry, section(number));
    if (!entry) return std::optional<VirtAddr>();
    KDUMP_TRY_ASSIGN(const uint64_t encoded,
                     memory_.read_value<uint64_t>(*entry + geometry_.map_offset));
    if ((encoded & kMarkedPresent) == 0 || (encoded & kHasMemMap) == 0)
      return std::optional<VirtAddr>();
    const uint64_t first = number * geometry_.pages_per_section * geometry_.page_struct_size;
    const VirtAddr map((encoded & ~geometry_.flag_mask) + first);
    const uint64_t bytes = geometry_.pages_per_section * geometry_.page_struct_size;
    if (!checked_add(map.v, bytes))
      return Error(Errc::bad_input, "memory section " + std::to_string(number) +
                                        ": struct pages at " + hex(map) + " overflow");
    return std::optional<VirtAddr>(map);
  }

 private:
  // Where section `number` is described; nothing if its root was never made.
  Result<std::optional<VirtAddr>> section(uint64_t number) {
    if (!geometry_.extreme) return std::optional<VirtAddr>(base_ + number * geometry_.struct_size);
    const uint64_t root = number / geometry_.sections_per_root;
    if (!root_ || *root_ != root) {
      KDUMP_TRY_ASSIGN(root_sections_, memory_.read_value<uint64_t>(base_ + root * 8));
      root_ = root;
    }
    if (root_sections_ == 0) return std::optional<VirtAddr>();
    return std::optional<VirtAddr>(VirtAddr(root_sections_) +
                                   number % geometry_.sections_per_root * geometry_.struct_size);
  }

  AddressSpace& memory_;
  const Geometry& geometry_;
  VirtAddr base_;
  std::optional<uint64_t> root_;  // the last one looked up …
  uint64_t root_sections_ = 0;    // … and its sections
};

// Calls visit(number) for each section that RAM is in, in order, until it returns false.
template <class Visit>
void for_each_section(const Frames& frames, uint64_t pages_per_section, Visit visit) {
  uint64_t next = 0;
  for (const PfnRange& range : frames.ranges()) {
    const uint64_t last = (range.end - 1).v / pages_per_section;
    for (uint64_t number = std::max(next, range.begin.v / pages_per_section); number <= last;
         ++number)
      if (!visit(number)) return;
    next = std::max(next, last + 1);
  }
}

// How many of the first sections of RAM have a page array that is mapped, if the tables are at
// `base`.
uint64_t count_plausible(AddressSpace& memory, const Geometry& geometry, VirtAddr base,
                         const Frames& frames) {
  constexpr uint64_t kSamples = 64;
  SectionTable table(memory, geometry, base);
  uint64_t tried = 0, plausible = 0;
  for_each_section(frames, geometry.pages_per_section, [&](uint64_t number) {
    const auto map = table.mem_map(number);
    if (map && *map && memory.translate(**map)) ++plausible;
    return ++tried < kSamples;
  });
  return plausible;
}

}  // namespace

Result<PageArray> PageArray::open(AddressSpace& memory, const VmcoreInfo& info, const Arch& arch,
                                  const Frames& frames) {
  KDUMP_TRY_ASSIGN(const Geometry geometry, read_geometry(info, arch));

  uint64_t count = 0;
  for_each_section(frames, geometry.pages_per_section,
                   [&](uint64_t) { return ++count <= kMaxSections; });
  if (count > kMaxSections)
    return Error(Errc::unsupported, info.where() + ": more than " + std::to_string(kMaxSections) +
                                        " memory sections of " +
                                        human_bytes(uint64_t{1} << geometry.section_bits));

  // SYMBOL(mem_section) is the address of the array. Kernels of the time when the array became a
  // pointer (83e3c48729d9, 4.15, and backports before a0b1280368d1) gave the pointer's own address.
  VirtAddr base = geometry.symbol;
  uint64_t best = count_plausible(memory, geometry, base, frames);
  if (best == 0) {
    if (const auto pointer = memory.read_value<uint64_t>(geometry.symbol)) {
      best = count_plausible(memory, geometry, VirtAddr(*pointer), frames);
      if (best > 0) base = VirtAddr(*pointer);
    }
  }
  if (best == 0)
    return Error(Errc::bad_input, info.where() + ": SYMBOL(mem_section)=" + hex(geometry.symbol) +
                                      ": no section of memory has struct pages there");

  PageArray array;
  array.pages_per_section_ = geometry.pages_per_section;
  array.page_struct_size_ = geometry.page_struct_size;
  SectionTable table(memory, geometry, base);
  array.sections_.reserve(count);
  for_each_section(frames, geometry.pages_per_section, [&](uint64_t number) {
    // A section whose entry is damaged has no struct pages that we could find: as if it had none.
    const auto map = table.mem_map(number);
    if (map && *map) array.sections_.push_back({number, **map});
    return true;
  });
  return array;
}

Result<PageArray::View> PageArray::view(AddressSpace& memory, Pfn first, uint64_t wanted,
                                        std::vector<std::byte>& scratch) const {
  const uint64_t number = first.v / pages_per_section_;
  const uint64_t index = first.v % pages_per_section_;
  const uint64_t count = std::min(wanted, pages_per_section_ - index);
  const auto section = std::lower_bound(sections_.begin(), sections_.end(), number,
                                        [](const Section& s, uint64_t n) { return s.number < n; });
  if (section == sections_.end() || section->number != number) return View{{}, count};

  const VirtAddr at = section->mem_map + index * page_struct_size_;
  KDUMP_TRY_ASSIGN(const Bytes bytes, memory.view(at, count * page_struct_size_));
  const uint64_t whole = bytes.size() / page_struct_size_;
  if (whole > 0) return View{bytes.first(whole * page_struct_size_), whole};
  // A struct page over the border of a leaf: of 56 bytes one in 73 is.
  scratch.resize(page_struct_size_);
  KDUMP_TRY(memory.read(at, scratch));
  return View{scratch, 1};
}

}  // namespace kdump
