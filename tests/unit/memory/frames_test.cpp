#include "makedump/memory/frames.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

PhysRange ram(uint64_t begin, uint64_t end) {
  return {PhysAddr(begin), PhysAddr(end)};
}
PfnRange pfns(uint64_t begin, uint64_t end) {
  return {Pfn(begin), Pfn(end)};
}

TEST(Frames, ThoseThatArePartlyRamExist) {
  const Frames frames = Frames::of({ram(0x1000, 0x3000), ram(0x4800, 0x5001)}, PageSize{12});
  EXPECT_EQ(frames.ranges(), (std::vector<PfnRange>{pfns(1, 3), pfns(4, 6)}));
  EXPECT_EQ(frames.count(), 4U);
  EXPECT_EQ(frames.end(), Pfn(6));
}

TEST(Frames, RangesThatMeetBecomeOne) {
  const Frames frames = Frames::of(
      {ram(0x1000, 0x1800), ram(0x1900, 0x2100), ram(0x3000, 0x4000), ram(0x9000, 0x9000)},
      PageSize{12});
  EXPECT_EQ(frames.ranges(), (std::vector<PfnRange>{pfns(1, 4)}));
}

TEST(Frames, OfLargerPages) {
  const Frames frames = Frames::of({ram(0x1000, 0x3000), ram(0x4000, 0x20000)}, PageSize{16});
  EXPECT_EQ(frames.ranges(), (std::vector<PfnRange>{pfns(0, 2)}));
}

TEST(Frames, VisitsThePartsOfAWindow) {
  const Frames frames = Frames::of({ram(0x1000, 0x4000), ram(0x8000, 0xa000)}, PageSize{12});
  std::vector<PfnRange> seen;
  frames.for_each_in(pfns(2, 9), [&](PfnRange range) { seen.push_back(range); });
  EXPECT_EQ(seen, (std::vector<PfnRange>{pfns(2, 4), pfns(8, 9)}));
  EXPECT_EQ(Frames::of({}, PageSize{12}).end(), Pfn(0));
}

}  // namespace
}  // namespace kdump
