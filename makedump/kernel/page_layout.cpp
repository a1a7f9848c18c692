#include "makedump/kernel/page_layout.h"

#include <limits>
#include <string>

namespace kdump {

namespace {

constexpr uint64_t kMinPageStruct = 16, kMaxPageStruct = 512;
constexpr uint64_t kMaxMaxOrder = 32;  // Linux has 9 … 16

// Reads keys of VMCOREINFO and checks each against what struct page can hold. A key that is there
// but makes no sense is an error, not an absence: the dump would quietly be filtered by other
// rules.
class LayoutReader {
 public:
  explicit LayoutReader(const VmcoreInfo& info) : info_(info) {}

  Result<PageLayout> read() {
    KDUMP_TRY_ASSIGN(layout_.size, info_.require_size("page"));
    if (layout_.size < kMinPageStruct || layout_.size > kMaxPageStruct || layout_.size % 8 != 0)
      return nonsense("SIZE(page)");
    KDUMP_TRY(read_members());
    KDUMP_TRY(read_compound());
    KDUMP_TRY(read_flags());
    KDUMP_TRY(read_types());
    read_hugetlb_rule();
    const std::string key = "LENGTH(zone.free_area)";
    if (!info_.value(key)) return missing(key);
    layout_.buddy_max_order = info_.length("zone.free_area").value_or(0);
    if (layout_.buddy_max_order == 0 || layout_.buddy_max_order > kMaxMaxOrder)
      return nonsense(key);
    return layout_;
  }

 private:
  [[nodiscard]] Error missing(const std::string& key) const {
    return {Errc::bad_input, info_.where() + ": no " + key};
  }
  [[nodiscard]] Error nonsense(const std::string& key) const {
    return {Errc::bad_input, info_.where() + ": " + key + "=" +
                                 std::string(info_.value(key).value_or("").substr(0, 40)) +
                                 " makes no sense"};
  }

  // A member of `bytes` bytes within struct page number `index` of a compound page; the offset that
  // is returned is within that struct page.
  Result<std::optional<uint64_t>> member(const std::string& name, uint64_t bytes,
                                         uint64_t index = 0) {
    const std::string key = "OFFSET(" + name + ")";
    if (!info_.value(key)) return std::optional<uint64_t>();
    const auto offset = info_.offset(name);
    const uint64_t base = index * layout_.size;
    if (!offset || *offset < base || *offset - base > layout_.size - bytes || *offset % bytes != 0)
      return nonsense(key);
    return std::optional<uint64_t>(*offset - base);
  }

  Result<void> require_member(const std::string& name, uint64_t bytes, uint64_t& into) {
    KDUMP_TRY_ASSIGN(const auto offset, member(name, bytes));
    if (!offset) return missing("OFFSET(" + name + ")");
    into = *offset;
    return {};
  }

  Result<void> read_members() {
    KDUMP_TRY(require_member("page.flags", 8, layout_.flags));
    KDUMP_TRY(require_member("page._mapcount", 4, layout_.mapcount));
    KDUMP_TRY(require_member("page.mapping", 8, layout_.mapping));
    KDUMP_TRY(require_member("page.private", 8, layout_.private_));
    // Renamed in 7.1; bit 0 means the same.
    KDUMP_TRY_ASSIGN(auto head, member("page.compound_head", 8));
    if (!head) {
      KDUMP_TRY_ASSIGN(head, member("page.compound_info", 8));
    }
    if (!head) return missing("OFFSET(page.compound_head)");
    layout_.compound_head = *head;
    return {};
  }

  // The order (and until 6.5 the destructor) of a compound page: bytes of the first tail page. Up
  // to 6.2 named as members of struct page, in 6.3 … 6.5 as members of struct folio, which begins
  // with the head page; from 6.6 (ebc1baf5c9b4) on in the first tail's flags, without a key.
  Result<void> read_compound() {
    KDUMP_TRY_ASSIGN(auto order, member("page.compound_order", 1));
    if (!order) {
      KDUMP_TRY_ASSIGN(order, member("folio._folio_order", 1, 1));
    }
    KDUMP_TRY_ASSIGN(dtor_, member("page.compound_dtor", 1));
    if (!dtor_) {
      KDUMP_TRY_ASSIGN(dtor_, member("folio._folio_dtor", 1, 1));
    }
    if (order) {
      layout_.order_at = PageLayout::OrderAt::first_tail_byte;
      layout_.order_offset = *order;
    }
    if (dtor_) layout_.dtor_offset = *dtor_;
    return {};
  }

  Result<void> flag(const std::string& name, std::optional<unsigned>& into) {
    const std::string key = "NUMBER(" + name + ")";
    if (!info_.value(key)) return {};
    const auto bit = info_.number(name);
    if (!bit || *bit < 0 || *bit > 63) return nonsense(key);
    into = static_cast<unsigned>(*bit);
    return {};
  }

  Result<void> read_flags() {
    KDUMP_TRY(flag("PG_lru", layout_.pg_lru));
    KDUMP_TRY(flag("PG_private", layout_.pg_private));
    KDUMP_TRY(flag("PG_swapcache", layout_.pg_swapcache));
    KDUMP_TRY(flag("PG_swapbacked", layout_.pg_swapbacked));
    KDUMP_TRY(flag("PG_slab", layout_.pg_slab));  // until 6.9
    KDUMP_TRY(flag("PG_hwpoison", layout_.pg_hwpoison));
    KDUMP_TRY(flag("PG_hugetlb", layout_.pg_hugetlb));  // 6.6 … 6.8
    const std::string key = "NUMBER(PG_head_mask)";
    if (!info_.value(key)) return {};
    const auto mask = info_.number("PG_head_mask");
    if (!mask || !std::has_single_bit(static_cast<uint64_t>(*mask))) return nonsense(key);
    layout_.pg_head_mask = static_cast<uint64_t>(*mask);
    return {};
  }

  // Printed with %d or %ld: the same 32 bits either way.
  Result<void> type(const std::string& name, std::optional<uint32_t>& into) {
    const std::string key = "NUMBER(" + name + ")";
    if (!info_.value(key)) return {};
    const auto value = info_.number(name);
    if (!value || *value < std::numeric_limits<int32_t>::min() ||
        *value > std::numeric_limits<uint32_t>::max())
      return nonsense(key);
    into = static_cast<uint32_t>(*value);
    return {};
  }

  Result<void> read_types() {
    KDUMP_TRY(type("PAGE_BUDDY_MAPCOUNT_VALUE", layout_.buddy));
    KDUMP_TRY(type("PAGE_SLAB_MAPCOUNT_VALUE", layout_.slab));          // 6.10
    KDUMP_TRY(type("PAGE_OFFLINE_MAPCOUNT_VALUE", layout_.offline));    // 5.0
    KDUMP_TRY(type("PAGE_HUGETLB_MAPCOUNT_VALUE", layout_.hugetlb));    // 6.9
    return type("PAGE_UNACCEPTED_MAPCOUNT_VALUE", layout_.unaccepted);  // 6.16
  }

  void read_hugetlb_rule() {
    const auto dtor = info_.number("HUGETLB_PAGE_DTOR");
    if (layout_.hugetlb) {
      layout_.hugetlb_by = PageLayout::HugetlbBy::page_type;
    } else if (layout_.pg_hugetlb) {
      layout_.hugetlb_by = PageLayout::HugetlbBy::first_tail_flag;
    } else if (dtor && dtor_) {
      layout_.hugetlb_by = PageLayout::HugetlbBy::destructor;
      layout_.hugetlb_dtor = static_cast<uint64_t>(*dtor);
    }
  }

  const VmcoreInfo& info_;
  PageLayout layout_;
  std::optional<uint64_t> dtor_;
};

}  // namespace

Result<PageLayout> PageLayout::from(const VmcoreInfo& info) {
  return LayoutReader(info).read();
}

}  // namespace kdump
