#include "makedump/filter/classify.h"

namespace kdump {

namespace {

// Compound pages are at most this order: 16 GiB gigantic pages of 4 KiB frames, what kWindowAlign
// is made for.
constexpr unsigned kMaxCompoundOrder = 22;
static_assert(uint64_t{1} << kMaxCompoundOrder == kWindowAlign);

// The fields of one struct page that decide.
struct PageFields {
  uint64_t flags, mapping, private_;
  uint32_t mapcount;
  bool tail;  // of a compound page
};

PageFields read_fields(const std::byte* page, const PageLayout& layout, ByteOrder order) {
  return {
      .flags = load<uint64_t>(page + layout.flags, order),
      .mapping = load<uint64_t>(page + layout.mapping, order),
      .private_ = load<uint64_t>(page + layout.private_, order),
      .mapcount = load<uint32_t>(page + layout.mapcount, order),
      .tail = (load<uint64_t>(page + layout.compound_head, order) & 1) != 0,
  };
}

bool has_flag(uint64_t flags, std::optional<unsigned> bit) {
  return bit && (flags >> *bit & 1) != 0;
}

bool has_type(uint32_t mapcount, std::optional<uint32_t> type) {
  return type && mapcount == *type;
}

struct Compound {
  unsigned order = 0;
  bool hugetlb = false;
};

// What the first tail page says of the compound page that `head` opens.
Compound read_compound(const PageFields& head, const std::byte* first_tail, Pfn pfn,
                       const PageLayout& layout, ByteOrder byte_order) {
  const auto tail_flags = load<uint64_t>(first_tail + layout.flags, byte_order);
  // A head whose next page is no tail is damaged, or was being split: it is a page of its own.
  if ((load<uint64_t>(first_tail + layout.compound_head, byte_order) & 1) == 0) return {};

  Compound compound;
  compound.order = layout.order_at == PageLayout::OrderAt::first_tail_byte
                       ? load<uint8_t>(first_tail + layout.order_offset)
                       : static_cast<unsigned>(tail_flags & 0xff);
  if (compound.order == 0 || compound.order > kMaxCompoundOrder ||
      (pfn.v & ((uint64_t{1} << compound.order) - 1)) != 0)
    return {};

  switch (layout.hugetlb_by) {
    case PageLayout::HugetlbBy::page_type:
      compound.hugetlb = has_type(head.mapcount, layout.hugetlb);
      break;
    case PageLayout::HugetlbBy::first_tail_flag:
      compound.hugetlb = has_flag(tail_flags, layout.pg_hugetlb);
      break;
    case PageLayout::HugetlbBy::destructor:
      compound.hugetlb = load<uint8_t>(first_tail + layout.dtor_offset) == layout.hugetlb_dtor;
      break;
    case PageLayout::HugetlbBy::unknown:
      break;
  }
  return compound;
}

// A page's class, and how many frames from it on share it.
struct Verdict {
  PageClass page_class = PageClass::kept;
  uint64_t frames = 1;
};

Verdict judge(const PageFields& page, const Compound& compound, const PageLayout& layout,
              DumpLevel level) {
  const uint64_t whole = uint64_t{1} << compound.order;

  // First, whatever else the page is: reading it may end the capture kernel with a machine check.
  // Of a hugetlb page only the head is marked, wherever the error is.
  if (has_flag(page.flags, layout.pg_hwpoison))
    return {PageClass::hwpoison, compound.hugetlb ? whole : 1};
  if (page.tail) return {};  // the head has decided

  // Slab pages use the other fields for their own purposes; nothing below may be read out of them.
  if (has_flag(page.flags, layout.pg_slab) || has_type(page.mapcount, layout.slab)) return {};

  if (has_type(page.mapcount, layout.offline)) return {PageClass::offline, 1};
  if (has_type(page.mapcount, layout.buddy)) {
    if (!level.has(DumpLevel::kFree) || page.private_ >= layout.buddy_max_order) return {};
    return {PageClass::free, uint64_t{1} << page.private_};
  }
  if (has_type(page.mapcount, layout.unaccepted)) {
    if (!level.has(DumpLevel::kFree) || layout.buddy_max_order == 0) return {};
    return {PageClass::unaccepted, uint64_t{1} << (layout.buddy_max_order - 1)};
  }

  if (compound.hugetlb)
    return level.has(DumpLevel::kUser) ? Verdict{PageClass::user, whole} : Verdict{};

  // PAGE_MAPPING_ANON; KSM pages have it set too.
  const bool anon = (page.mapping & 1) != 0;
  if (anon) return level.has(DumpLevel::kUser) ? Verdict{PageClass::user, whole} : Verdict{};

  // PG_swapcache shares its bit with PG_owner_priv_1 and counts only for swap-backed pages (4.10,
  // 6326fec1122c).
  const bool swap_cache = has_flag(page.flags, layout.pg_swapcache) &&
                          (!layout.pg_swapbacked || has_flag(page.flags, layout.pg_swapbacked));
  if (!swap_cache && !has_flag(page.flags, layout.pg_lru)) return {};
  const bool has_private = has_flag(page.flags, layout.pg_private);
  // Bit 4 implies bit 2.
  if (has_private)
    return level.has(DumpLevel::kCachePrivate) ? Verdict{PageClass::cache_private, whole}
                                               : Verdict{};
  return level.has(DumpLevel::kCache) || level.has(DumpLevel::kCachePrivate)
             ? Verdict{PageClass::cache, whole}
             : Verdict{};
}

}  // namespace

// Walks the frames of one range of existing memory, a stretch of struct pages at a time.
class Classifier::Walk {
 public:
  Walk(const Classifier& c, AddressSpace& memory, PageSet& kept, PageCounts& counts)
      : pages_(c.pages_),
        layout_(c.layout_),
        level_(c.level_),
        memory_(memory),
        kept_(kept),
        counts_(counts) {}

  void range(PfnRange range) {
    Pfn pfn = range.begin;
    while (pfn < range.end) {
      const auto view = pages_.view(memory_, pfn, range.end - pfn, scratch_);
      if (!view) {
        // Not mapped, or the page tables are damaged: keep the frames that this page of the array
        // would describe.
        pfn += skip_after_error(pfn);
      } else if (view->structs.empty()) {
        pfn += view->count;
      } else {
        pfn += stretch(pfn, *view);
      }
    }
  }

 private:
  // Judges the frames of one view and returns how many were dealt with, at least one. Stops early
  // where the view had to be given up.
  uint64_t stretch(Pfn first, const PageArray::View& view) {
    const ByteOrder order = memory_.byte_order();
    const auto head_mask = layout_.pg_head_mask.value_or(0);
    uint64_t i = 0;
    while (i < view.count) {
      const std::byte* page = view.structs.data() + i * layout_.size;
      const PageFields fields = read_fields(page, layout_, order);
      Compound compound;
      bool view_lost = false;
      if ((fields.flags & head_mask) != 0 && !fields.tail) {
        if (i + 1 < view.count) {
          compound = read_compound(fields, page + layout_.size, first + i, layout_, order);
        } else {
          compound = compound_across_views(fields, first + i);
          view_lost = true;
        }
      }
      const Verdict verdict = judge(fields, compound, layout_, level_);
      const uint64_t frames = verdict.page_class == PageClass::kept ? 1 : verdict.frames;
      if (verdict.page_class != PageClass::kept) exclude(first + i, frames, verdict.page_class);
      i += frames;
      if (view_lost) break;
    }
    return i;
  }

  Compound compound_across_views(const PageFields& head, Pfn pfn) {
    const auto tail = pages_.view(memory_, pfn + 1, 1, scratch_);
    if (!tail || tail->structs.empty()) return {};
    return read_compound(head, tail->structs.data(), pfn, layout_, memory_.byte_order());
  }

  void exclude(Pfn first, uint64_t frames, PageClass page_class) {
    const Pfn end = std::min(first + frames, kept_.window().end);
    counts_[page_class] += kept_.erase({first, end});
  }

  [[nodiscard]] uint64_t skip_after_error(Pfn pfn) const {
    constexpr uint64_t kStructsPerTry = 64;  // one page of 64-byte struct pages
    return kStructsPerTry - pfn.v % kStructsPerTry;
  }

  const PageArray& pages_;
  const PageLayout& layout_;
  const DumpLevel level_;
  AddressSpace& memory_;
  PageSet& kept_;
  PageCounts& counts_;
  std::vector<std::byte> scratch_;
};

PageSet Classifier::classify(AddressSpace& memory, PfnRange window, PageCounts& counts) const {
  PageSet kept(window);
  frames_.for_each_in(window, [&](PfnRange range) { kept.insert(range); });
  Walk walk(*this, memory, kept, counts);
  frames_.for_each_in(window, [&](PfnRange range) { walk.range(range); });
  return kept;
}

}  // namespace kdump
