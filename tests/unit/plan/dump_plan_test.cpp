#include "makedump/plan/dump_plan.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

TEST(DumpPlan, PlacesFollowEachOther) {
  // 2 GiB of 4 KiB pages: each bitmap takes 64 KiB, 16 blocks.
  const auto plan = make_plan(
      {.page_size = {12}, .max_mapnr = Pfn(524288), .pages_to_store = 1000, .notes_size = 4096});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->sub_header, FileOffset(4096));
  EXPECT_EQ(plan->notes, FileOffset(4096 + 104));
  EXPECT_EQ(plan->sub_hdr_blocks, 2U);
  EXPECT_EQ(plan->bitmap1, FileOffset(3 * 4096));
  EXPECT_EQ(plan->bitmap_blocks, 32U);
  EXPECT_EQ(plan->bitmap2, FileOffset((3 + 16) * 4096));
  EXPECT_EQ(plan->descriptors, FileOffset((3 + 32) * 4096));
  EXPECT_EQ(plan->data, FileOffset((3 + 32) * 4096 + 24000));
  EXPECT_EQ(plan->size_bound, (3 + 32) * 4096 + 24000 + 1001 * 4096U);
}

TEST(DumpPlan, RefusesWhatTheFormatCannotHold) {
  EXPECT_FALSE(make_plan({.page_size = {12},
                          .max_mapnr = Pfn(uint64_t{1} << 50),
                          .pages_to_store = 1,
                          .notes_size = 0}));
  EXPECT_FALSE(make_plan({.page_size = {12},
                          .max_mapnr = Pfn(1),
                          .pages_to_store = uint64_t{1} << 60,
                          .notes_size = 0}));
}

}  // namespace
}  // namespace kdump
