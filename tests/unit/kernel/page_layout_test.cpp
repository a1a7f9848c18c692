#include "makedump/kernel/page_layout.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::HasSubstr;
using HugetlbBy = PageLayout::HugetlbBy;
using OrderAt = PageLayout::OrderAt;

// What all kernels of 4.18 and later say.
const std::string kCommon =
    "OSRELEASE=test\nPAGESIZE=4096\nSIZE(page)=64\nOFFSET(page.flags)=0\n"
    "OFFSET(page.mapping)=24\nOFFSET(page.lru)=8\nOFFSET(page._mapcount)=48\n"
    "OFFSET(page.private)=40\nOFFSET(page.compound_head)=8\nLENGTH(zone.free_area)=11\n"
    "NUMBER(PG_lru)=5\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\n"
    "NUMBER(PG_swapbacked)=19\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=65536\n";

Result<PageLayout> layout_of(const std::string& text) {
  auto info = VmcoreInfo::parse(text, "/x/vmcore: VMCOREINFO");
  EXPECT_TRUE(info) << info.error().message();
  return PageLayout::from(*info);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(PageLayout, DestructorEra) {  // 4.16 … 6.2
  const auto layout = layout_of(kCommon +
                                "OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
                                "NUMBER(HUGETLB_PAGE_DTOR)=2\nNUMBER(PG_slab)=9\n"
                                "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
                                "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n");
  ASSERT_TRUE(layout) << layout.error().message();
  EXPECT_EQ(layout->size, 64U);
  EXPECT_EQ(layout->mapcount, 48U);
  EXPECT_EQ(layout->mapping, 24U);
  EXPECT_EQ(layout->private_, 40U);
  EXPECT_EQ(layout->compound_head, 8U);
  EXPECT_EQ(layout->order_at, OrderAt::first_tail_byte);
  EXPECT_EQ(layout->order_offset, 17U);
  EXPECT_EQ(layout->hugetlb_by, HugetlbBy::destructor);
  EXPECT_EQ(layout->dtor_offset, 16U);
  EXPECT_EQ(layout->hugetlb_dtor, 2U);
  EXPECT_EQ(layout->pg_slab, 9U);
  EXPECT_EQ(layout->pg_head_mask, 65536U);
  EXPECT_EQ(layout->buddy, 0xffffff7fU);
  EXPECT_EQ(layout->offline, 0xfffffeffU);
  EXPECT_FALSE(layout->slab);
  EXPECT_FALSE(layout->pg_hugetlb);
  EXPECT_EQ(layout->buddy_max_order, 11U);
}

TEST(PageLayout, FolioEra) {  // 6.3 … 6.5: offsets in struct folio, of which page 1 is the tail
  const auto layout = layout_of(kCommon +
                                "OFFSET(folio._folio_dtor)=80\nOFFSET(folio._folio_order)=81\n"
                                "NUMBER(HUGETLB_PAGE_DTOR)=2\n");
  ASSERT_TRUE(layout) << layout.error().message();
  EXPECT_EQ(layout->order_at, OrderAt::first_tail_byte);
  EXPECT_EQ(layout->order_offset, 17U);
  EXPECT_EQ(layout->hugetlb_by, HugetlbBy::destructor);
  EXPECT_EQ(layout->dtor_offset, 16U);
}

TEST(PageLayout, FlagEra) {  // 6.6 … 6.8
  const auto layout = layout_of(kCommon + "NUMBER(PG_hugetlb)=8\nNUMBER(PG_slab)=9\n");
  ASSERT_TRUE(layout) << layout.error().message();
  EXPECT_EQ(layout->order_at, OrderAt::first_tail_flags);
  EXPECT_EQ(layout->hugetlb_by, HugetlbBy::first_tail_flag);
  EXPECT_EQ(layout->pg_hugetlb, 8U);
}

TEST(PageLayout, PageTypeEra) {  // 6.9; in 6.12 types moved to the top byte; 6.16 unaccepted
  const auto layout = layout_of(replaced(kCommon, "page.compound_head", "page.compound_info") +
                                "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\n"
                                "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\n"
                                "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=4093640704\n"
                                "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=0xf7000000\n");
  ASSERT_TRUE(layout) << layout.error().message();
  EXPECT_EQ(layout->compound_head, 8U);
  EXPECT_EQ(layout->hugetlb_by, HugetlbBy::page_type);
  EXPECT_EQ(layout->buddy, 0xf0000000U);
  EXPECT_EQ(layout->slab, 0xf5000000U);
  EXPECT_EQ(layout->hugetlb, 0xf4000000U);
  EXPECT_EQ(layout->unaccepted, 0xf7000000U);
  EXPECT_FALSE(layout->offline);
  EXPECT_FALSE(layout->pg_slab);
}

TEST(PageLayout, UnknownHugetlbIsSaid) {
  const auto layout = layout_of(kCommon);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->hugetlb_by, HugetlbBy::unknown);
  // A destructor's number without its place is of no use.
  EXPECT_EQ(layout_of(kCommon + "NUMBER(HUGETLB_PAGE_DTOR)=2\n")->hugetlb_by, HugetlbBy::unknown);
}

TEST(PageLayout, MissingKeysAreNamed) {
  for (const std::string key :
       {"SIZE(page)", "OFFSET(page.flags)", "OFFSET(page.mapping)", "OFFSET(page._mapcount)",
        "OFFSET(page.private)", "OFFSET(page.compound_head)", "LENGTH(zone.free_area)"}) {
    const auto layout = layout_of(replaced(kCommon, key + "=", "gone="));
    ASSERT_FALSE(layout) << key;
    EXPECT_EQ(layout.error().code(), Errc::bad_input);
    EXPECT_THAT(layout.error().message(), HasSubstr("/x/vmcore: VMCOREINFO: no " + key));
  }
}

TEST(PageLayout, NonsenseIsNamedWithItsValue) {
  const struct {
    std::string from, to;
  } cases[] = {
      {"SIZE(page)=64", "SIZE(page)=8"},
      {"SIZE(page)=64", "SIZE(page)=60"},
      {"SIZE(page)=64", "SIZE(page)=4096"},
      {"OFFSET(page.flags)=0", "OFFSET(page.flags)=4"},
      {"OFFSET(page.flags)=0", "OFFSET(page.flags)=64"},
      {"OFFSET(page._mapcount)=48", "OFFSET(page._mapcount)=62"},
      {"OFFSET(page._mapcount)=48", "OFFSET(page._mapcount)=18446744073709551612"},
      {"OFFSET(page.private)=40", "OFFSET(page.private)=x"},
      {"NUMBER(PG_lru)=5", "NUMBER(PG_lru)=64"},
      {"NUMBER(PG_lru)=5", "NUMBER(PG_lru)=-1"},
      {"NUMBER(PG_lru)=5", "NUMBER(PG_lru)=five"},
      {"NUMBER(PG_head_mask)=65536", "NUMBER(PG_head_mask)=65537"},
      {"NUMBER(PG_head_mask)=65536", "NUMBER(PG_head_mask)=0"},
      {"LENGTH(zone.free_area)=11", "LENGTH(zone.free_area)=0"},
      {"LENGTH(zone.free_area)=11", "LENGTH(zone.free_area)=64"},
      {"PAGESIZE", "OFFSET(folio._folio_order)=17\nPAGESIZE"},  // before the tail page
      {"PAGESIZE", "OFFSET(page.compound_order)=64\nPAGESIZE"},
      {"PAGESIZE", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=4294967296\nPAGESIZE"},
      {"PAGESIZE", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-2147483649\nPAGESIZE"},
  };
  for (const auto& c : cases) {
    const auto layout = layout_of(replaced(kCommon, c.from, c.to));
    ASSERT_FALSE(layout) << c.to;
    EXPECT_EQ(layout.error().code(), Errc::bad_input);
    EXPECT_THAT(layout.error().message(),
                HasSubstr(c.to.substr(0, c.to.find('\n')) + " makes no sense"));
  }
}

}  // namespace
}  // namespace kdump
