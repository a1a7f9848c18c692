#include "makedump/filter/page_set.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

TEST(PageSet, InsertsAndErasesOverWordBorders) {
  PageSet set({Pfn(64), Pfn(64 + 1000)});
  set.insert({Pfn(70), Pfn(400)});
  EXPECT_EQ(set.count(), 330U);
  EXPECT_EQ(set.erase({Pfn(100), Pfn(300)}), 200U);
  EXPECT_EQ(set.erase({Pfn(100), Pfn(301)}), 1U);
  EXPECT_EQ(set.count(), 129U);
  EXPECT_TRUE(set.contains(Pfn(99)));
  EXPECT_FALSE(set.contains(Pfn(100)));
  EXPECT_TRUE(set.contains(Pfn(301)));
  EXPECT_EQ(set.erase({Pfn(500), Pfn(500)}), 0U);
}

TEST(PageSet, NextFindsEachMemberAndTheEnd) {
  PageSet set({Pfn(0), Pfn(300)});
  set.insert({Pfn(3), Pfn(4)});
  set.insert({Pfn(299), Pfn(300)});
  EXPECT_EQ(set.next(Pfn(0)), Pfn(3));
  EXPECT_EQ(set.next(Pfn(3)), Pfn(3));
  EXPECT_EQ(set.next(Pfn(4)), Pfn(299));
  EXPECT_EQ(set.next(Pfn(300)), Pfn(300));
}

TEST(PageSet, BytesAreTheBitmapOnDisk) {
  PageSet set({Pfn(0), Pfn(70)});
  set.insert({Pfn(0), Pfn(1)});
  set.insert({Pfn(9), Pfn(10)});
  set.insert({Pfn(69), Pfn(70)});
  const Bytes bytes = set.bytes();
  ASSERT_EQ(bytes.size(), 9U);
  EXPECT_EQ(bytes[0], std::byte{0x01});
  EXPECT_EQ(bytes[1], std::byte{0x02});
  EXPECT_EQ(bytes[8], std::byte{0x20});
}

}  // namespace
}  // namespace kdump
