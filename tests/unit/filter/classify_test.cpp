#include "makedump/filter/classify.h"

#include <gtest/gtest.h>

#include "tests/unit/filter/tiny_kernel.h"

namespace kdump {
namespace {

using test::TinyKernel;

struct Outcome {
  PageSet kept;
  PageCounts counts;
  [[nodiscard]] bool keeps(uint64_t pfn) const { return kept.contains(Pfn(pfn)); }
};

Outcome classify(const TinyKernel& kernel, unsigned level, std::string more_keys = "",
                 uint64_t end = TinyKernel::kFrames, uint64_t mapped = uint64_t{4} << 20) {
  const auto info = VmcoreInfo::parse(TinyKernel::text() + more_keys, "test");
  EXPECT_TRUE(info) << info.error().message();
  const auto layout = PageLayout::from(*info);
  EXPECT_TRUE(layout) << layout.error().message();
  const auto reader = kernel.reader();
  const TinyKernel::IdentityArch arch(mapped);
  AddressSpace memory(arch, *reader, ByteOrder::little);
  const Frames frames = Frames::of({{PhysAddr(0), PhysAddr(end << 12)}}, info->page_size());
  const auto pages = PageArray::open(memory, *info, arch, frames);
  EXPECT_TRUE(pages) << pages.error().message();
  Outcome outcome{PageSet({Pfn(0), Pfn(end)}), {}};
  outcome.kept = Classifier(*pages, *layout, frames, DumpLevel{level})
                     .classify(memory, outcome.kept.window(), outcome.counts);
  return outcome;
}

constexpr uint64_t bit(unsigned n) {
  return uint64_t{1} << n;
}

TEST(Classify, KeepsKernelPages) {
  const TinyKernel kernel;
  const Outcome outcome = classify(kernel, 31);
  EXPECT_EQ(outcome.kept.count(), TinyKernel::kFrames);
  EXPECT_EQ(outcome.counts.total(), 0U);
}

TEST(Classify, FreeBlocksOfEveryOrder) {
  TinyKernel kernel;
  kernel.mapcount(1024, TinyKernel::kBuddy);
  kernel.private_(1024, 10);
  kernel.mapcount(5, TinyKernel::kBuddy);
  EXPECT_EQ(classify(kernel, 16).counts[PageClass::free], 1025U);
  EXPECT_EQ(classify(kernel, 15).counts[PageClass::free], 0U);
  EXPECT_FALSE(classify(kernel, 16).keeps(2047));
  EXPECT_TRUE(classify(kernel, 16).keeps(2048));
}

TEST(Classify, KeepsFreeBlocksOfAbsurdOrder) {
  TinyKernel kernel;
  kernel.mapcount(1024, TinyKernel::kBuddy);
  for (const uint64_t order : {uint64_t{11}, uint64_t{52}, uint64_t{64}, ~uint64_t{0}}) {
    kernel.private_(1024, order);
    EXPECT_TRUE(classify(kernel, 31).keeps(1024)) << order;
  }
}

TEST(Classify, CacheNeedsItsBits) {
  TinyKernel kernel;
  kernel.flags(1, bit(TinyKernel::kLru));
  kernel.flags(2, bit(TinyKernel::kLru) | bit(TinyKernel::kPrivateBit));
  kernel.flags(3, bit(TinyKernel::kSwapcache) | bit(TinyKernel::kSwapbacked));
  kernel.flags(4, bit(TinyKernel::kSwapcache));  // PG_owner_priv_1: somebody's own flag

  const Outcome cache = classify(kernel, 2);
  EXPECT_FALSE(cache.keeps(1));
  EXPECT_TRUE(cache.keeps(2));
  EXPECT_FALSE(cache.keeps(3));
  EXPECT_TRUE(cache.keeps(4));
  EXPECT_EQ(cache.counts[PageClass::cache], 2U);

  const Outcome all_cache = classify(kernel, 4);  // implies 2
  EXPECT_EQ(all_cache.counts[PageClass::cache], 2U);
  EXPECT_EQ(all_cache.counts[PageClass::cache_private], 1U);
}

TEST(Classify, AnonymousPagesAreUserNotCache) {
  TinyKernel kernel;
  kernel.flags(7, bit(TinyKernel::kLru) | bit(TinyKernel::kSwapbacked));
  kernel.mapping(7, 0xffff888000001001);
  EXPECT_TRUE(classify(kernel, 7).keeps(7));
  EXPECT_EQ(classify(kernel, 8).counts[PageClass::user], 1U);
}

TEST(Classify, SlabPagesAreNeverTakenForSomethingElse) {
  TinyKernel kernel;
  kernel.mapcount(9, TinyKernel::kSlab);
  kernel.mapping(9, 0x1001);  // on slab pages this word is something else
  kernel.flags(9, bit(TinyKernel::kLru));
  EXPECT_TRUE(classify(kernel, 31).keeps(9));
}

TEST(Classify, PagesWithWaitersAreNotSlab) {
  // Bit 7 was PG_slab once and is PG_waiters now; kernels since 6.10 export no PG_slab.
  TinyKernel kernel;
  kernel.flags(9, bit(7) | bit(TinyKernel::kLru));
  kernel.mapping(9, 0x1001);
  EXPECT_EQ(classify(kernel, 31).counts[PageClass::user], 1U);
  EXPECT_EQ(classify(kernel, 6).counts[PageClass::cache], 0U);
}

TEST(Classify, WholeCompoundPages) {
  TinyKernel kernel;
  kernel.mapping(512, 0x1001);
  kernel.compound(512, 9);
  const Outcome outcome = classify(kernel, 8);
  EXPECT_EQ(outcome.counts[PageClass::user], 512U);
  EXPECT_TRUE(outcome.keeps(1024));
}

TEST(Classify, MisalignedOrEndlessCompoundPagesAreSingle) {
  TinyKernel kernel;
  kernel.mapping(514, 0x1001);
  kernel.compound(514, 9);
  EXPECT_EQ(classify(kernel, 8).counts[PageClass::user], 1U);

  TinyKernel endless;
  endless.mapping(512, 0x1001);
  endless.compound(512, 9);
  endless.flags(513, 63);
  EXPECT_EQ(classify(endless, 8).counts[PageClass::user], 1U);
}

TEST(Classify, HeadWithoutTailIsSingle) {
  TinyKernel kernel;
  kernel.mapping(512, 0x1001);
  kernel.flags(512, bit(TinyKernel::kHeadBit));
  kernel.flags(513, 9);
  EXPECT_EQ(classify(kernel, 8).counts[PageClass::user], 1U);
}

TEST(Classify, HugetlbByPageType) {
  TinyKernel kernel;
  kernel.compound(1024, 9);
  EXPECT_EQ(classify(kernel, 8).counts[PageClass::user], 0U);
  kernel.mapcount(1024, TinyKernel::kHugetlb);
  EXPECT_EQ(classify(kernel, 8).counts[PageClass::user], 512U);
  EXPECT_EQ(classify(kernel, 23).counts[PageClass::user], 0U);
}

TEST(Classify, PoisonedPagesAreNeverStored) {
  TinyKernel kernel;
  kernel.flags(20, bit(TinyKernel::kHwpoison));
  // A poisoned tail of a huge page that is not left out itself.
  kernel.mapping(512, 0x1001);
  kernel.compound(512, 9);
  kernel.flags(600, bit(TinyKernel::kHwpoison));
  const Outcome outcome = classify(kernel, 16);
  EXPECT_EQ(outcome.counts[PageClass::hwpoison], 2U);
  EXPECT_FALSE(outcome.keeps(20));
  EXPECT_FALSE(outcome.keeps(600));
  EXPECT_TRUE(outcome.keeps(601));
  // Counted once, though it is in a block that is left out as a whole.
  EXPECT_EQ(classify(kernel, 31).counts.total(), 513U);
}

TEST(Classify, PoisonedHugetlbPageAsAWhole) {
  TinyKernel kernel;
  kernel.compound(1024, 9);
  kernel.mapcount(1024, TinyKernel::kHugetlb);
  kernel.flags(1024, bit(TinyKernel::kHwpoison) | bit(TinyKernel::kHeadBit));
  EXPECT_EQ(classify(kernel, 16).counts[PageClass::hwpoison], 512U);
}

TEST(Classify, OfflineAtAnyLevelUnacceptedWithFree) {
  TinyKernel kernel;
  kernel.mapcount(30, TinyKernel::kOffline);
  kernel.mapcount(2048, TinyKernel::kUnaccepted);
  EXPECT_EQ(classify(kernel, 2).counts[PageClass::offline], 1U);
  EXPECT_EQ(classify(kernel, 2).counts[PageClass::unaccepted], 0U);
  EXPECT_EQ(classify(kernel, 16).counts[PageClass::unaccepted], 1024U);
}

TEST(Classify, RunsAreCutAtTheEndOfMemory) {
  TinyKernel kernel;
  kernel.mapcount(1024, TinyKernel::kBuddy);
  kernel.private_(1024, 10);
  const Outcome outcome = classify(kernel, 16, "", 1100);
  EXPECT_EQ(outcome.counts[PageClass::free], 76U);
}

TEST(Classify, FramesWhosePageStructsAreUnreadableAreKept) {
  TinyKernel kernel;
  for (const uint64_t pfn : {100, 16000, 17000})
    kernel.mapcount(pfn, TinyKernel::kBuddy);
  // The array begins at 1 MiB; what lies behind 2 MiB, from frame 16384 on, is not mapped.
  const Outcome outcome = classify(kernel, 31, "", TinyKernel::kFrames, uint64_t{2} << 20);
  EXPECT_EQ(outcome.counts[PageClass::free], 2U);
  EXPECT_TRUE(outcome.keeps(17000));
  EXPECT_EQ(outcome.kept.count(), TinyKernel::kFrames - 2);
}

}  // namespace
}  // namespace kdump
