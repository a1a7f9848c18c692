#include "makedump/pack/packer.h"

#include <gtest/gtest.h>

#include "tests/unit/pack/fakes.h"

namespace kdump {
namespace {

using test::FakeSource;
using test::MemorySink;

constexpr uint64_t kPlenty = uint64_t{64} << 20;

// Cheap to seed, as that is done for each page.
struct SplitMix {
  uint64_t state;
  uint64_t operator()() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
};

std::vector<std::byte> make_pool(uint64_t mask, size_t step) {
  constexpr size_t kPoolBytes = 256 << 10;
  std::vector<std::byte> pool(kPoolBytes);
  SplitMix generator{mask};
  for (size_t i = 0; i < pool.size(); i += step)
    store<uint64_t>(&pool[i], 0xffff888000000000 ^ (generator() & mask));
  return pool;
}

// What a frame holds, by its number: zeros, what compresses, what does not, and what is zero but
// for its last byte. Copied in one piece: under the thread sanitizer, bytes made one by one would
// be most of the test's time.
void fill_page(Pfn pfn, MutBytes page) {
  static const auto random = make_pool(~uint64_t{0}, 8);
  static const auto pointers = make_pool(0xffff0, 16);
  SplitMix generator{pfn.v};
  const uint64_t kind = generator() % 7;
  const auto& pool = kind < 4 ? pointers : random;
  const size_t at = align_down(generator() % (pool.size() - page.size()), 16);
  if (kind >= 2 && kind != 4) std::memcpy(page.data(), pool.data() + at, page.size());
  if (kind == 4) page.back() = std::byte{1};
}

std::vector<std::byte> page_of(Pfn pfn, PageSize page_size) {
  std::vector<std::byte> page(page_size.bytes());
  fill_page(pfn, page);
  return page;
}

using MaybePage = std::optional<std::vector<std::byte>>;

bool same(const MaybePage& a, const std::vector<std::byte>& b) {
  return a && a->size() == b.size() && std::memcmp(a->data(), b.data(), b.size()) == 0;
}

bool is_zero(const std::vector<std::byte>& page) {
  return same(std::vector<std::byte>(page.size()), page);
}

FakeSource::Fill good() {
  return [](Pfn pfn, MutBytes page) -> Result<void> {
    fill_page(pfn, page);
    return {};
  };
}

DumpPlan plan_for(uint64_t pages, PageSize page_size = {}) {
  DumpPlan plan;
  plan.page_size = page_size;
  plan.pages_to_store = pages;
  plan.descriptors = FileOffset(3 * page_size.bytes());
  plan.data = plan.descriptors + pages * PageDescriptor::kEncodedSize;
  plan.size_bound = plan.data.v + pages * page_size.bytes();
  return plan;
}

PageDescriptor descriptor_of(const MemorySink& sink, const DumpPlan& plan, uint64_t rank) {
  const Bytes content(sink.content);
  const uint64_t at = plan.descriptors.v + rank * PageDescriptor::kEncodedSize;
  PageDescriptor descriptor;
  // A table that was never written reads as zeros, as in a file.
  descriptor.offset = load_at<uint64_t>(content, at).value_or(0);
  descriptor.size = load_at<uint32_t>(content, at + 8).value_or(0);
  descriptor.flags = load_at<uint32_t>(content, at + 12).value_or(0);
  return descriptor;
}

// The page as a reader of the dump gets it; nothing if it is lost.
MaybePage read_page(const MemorySink& sink, const DumpPlan& plan, uint64_t rank) {
  const PageDescriptor descriptor = descriptor_of(sink, plan, rank);
  if (descriptor.offset == 0) {
    EXPECT_EQ(descriptor.size, 0U);
    EXPECT_EQ(descriptor.flags, 0U);
    return std::nullopt;
  }
  EXPECT_GE(descriptor.offset, plan.data.v);
  EXPECT_LE(descriptor.offset + descriptor.size, sink.content.size());
  EXPECT_LE(descriptor.size, plan.page_size.bytes());
  auto decompressor = make_decompressor(static_cast<Codec>(descriptor.flags));
  EXPECT_TRUE(decompressor);
  std::vector<std::byte> page(plan.page_size.bytes());
  const auto result =
      (*decompressor)
          ->decompress(Bytes(sink.content).subspan(descriptor.offset, descriptor.size), page);
  EXPECT_TRUE(result) << "rank " << rank;
  return page;
}

std::vector<Pfn> members(const PageSet& set) {
  std::vector<Pfn> all;
  for (Pfn pfn = set.next(set.window().begin); pfn < set.window().end; pfn = set.next(pfn + 1))
    all.push_back(pfn);
  return all;
}

// Frames 0 … 2299 without some holes: a few batches and a part of one.
PageSet some_frames() {
  PageSet set({Pfn(0), Pfn(4096)});
  set.insert({Pfn(0), Pfn(2300)});
  set.erase({Pfn(100), Pfn(900)});
  for (uint64_t i = 1000; i < 2000; i += 3)
    set.erase({Pfn(i), Pfn(i + 1)});
  return set;
}

struct Packed {
  MemorySink sink;
  PackTotals totals;
  unsigned threads = 0;
};

void pack_all(const FakeSource& source, const PageSet& set, const DumpPlan& plan,
              const PackOptions& options, Packed& out) {
  auto packer = Packer::open(source, plan, out.sink, options);
  ASSERT_TRUE(packer) << packer.error().message();
  out.threads = packer->threads();
  const auto result = packer->pack(set, {});
  ASSERT_TRUE(result) << result.error().message();
  out.totals = packer->totals();
}

class PackerOf : public testing::TestWithParam<Codec> {};

TEST_P(PackerOf, EveryPageComesBack) {
  const PageSet set = some_frames();
  const std::vector<Pfn> frames = members(set);
  const DumpPlan plan = plan_for(frames.size());
  const FakeSource source(plan.page_size, good());
  for (const bool share : {false, true}) {
    Packed packed;
    pack_all(source, set, plan,
             {.codec = GetParam(), .share_zero_pages = share, .threads = 2, .memory = kPlenty},
             packed);
    uint64_t zeros = 0;
    for (size_t rank = 0; rank < frames.size(); ++rank) {
      const auto expected = page_of(frames[rank], plan.page_size);
      ASSERT_TRUE(same(read_page(packed.sink, plan, rank), expected)) << "rank " << rank;
      zeros += is_zero(expected) ? 1 : 0;
    }
    EXPECT_EQ(packed.totals.zero, share ? zeros : 0);
    EXPECT_EQ(packed.totals.stored + packed.totals.zero, frames.size());
    EXPECT_EQ(packed.totals.unreadable, 0U);
    EXPECT_EQ(packed.totals.written_to, packed.sink.content.size());
    EXPECT_EQ(packed.totals.written_to, plan.data.v + packed.totals.data_bytes);
    EXPECT_LE(packed.sink.content.size(), plan.size_bound);
  }
}

TEST_P(PackerOf, BytesDoNotDependOnThreadsOrMemory) {
  const PageSet set = some_frames();
  const DumpPlan plan = plan_for(set.count());
  const FakeSource source(plan.page_size, good());
  std::vector<std::byte> first;
  for (const unsigned threads : {1U, 2U, 3U, 8U}) {
    for (const uint64_t memory : {uint64_t{1}, kPlenty}) {
      Packed packed;
      pack_all(
          source, set, plan,
          {.codec = GetParam(), .share_zero_pages = true, .threads = threads, .memory = memory},
          packed);
      if (first.empty()) first = packed.sink.content;
      ASSERT_TRUE(same(packed.sink.content, first))
          << threads << " threads, " << memory << " bytes";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, PackerOf,
                         testing::Values(Codec::none, Codec::zlib, Codec::lzo, Codec::snappy,
                                         Codec::zstd),
                         [](const auto& tested) { return std::string(codec_name(tested.param)); });

TEST(Packer, PagesOfOtherMachines) {
  for (const unsigned shift : {13U, 14U, 16U}) {
    PageSet set({Pfn(0), Pfn(256)});
    set.insert({Pfn(3), Pfn(130)});
    const DumpPlan plan = plan_for(set.count(), PageSize{shift});
    const FakeSource source(plan.page_size, good());
    Packed packed;
    pack_all(source, set, plan,
             {.codec = Codec::lzo, .share_zero_pages = true, .threads = 2, .memory = kPlenty},
             packed);
    for (uint64_t rank = 0; rank < set.count(); ++rank)
      ASSERT_TRUE(same(read_page(packed.sink, plan, rank), page_of(Pfn(3 + rank), plan.page_size)));
  }
}

TEST(Packer, DescriptorsAreInTheDumpsByteOrder) {
  PageSet set({Pfn(0), Pfn(64)});
  set.insert({Pfn(2), Pfn(3)});
  const DumpPlan plan = plan_for(1);
  const FakeSource source(plan.page_size, good());
  Packed packed;
  pack_all(source, set, plan, {.byte_order = ByteOrder::big, .memory = kPlenty}, packed);
  const std::byte* at = packed.sink.content.data() + plan.descriptors.v;
  EXPECT_EQ(load<uint64_t>(at, ByteOrder::big), plan.data.v);
  EXPECT_EQ(load<uint32_t>(at + 8, ByteOrder::big), 4096U);
}

TEST(Packer, PagesThatDoNotShrinkAreRaw) {
  PageSet set({Pfn(0), Pfn(64)});
  set.insert({Pfn(0), Pfn(64)});
  const DumpPlan plan = plan_for(64);
  const FakeSource source(plan.page_size, [](Pfn pfn, MutBytes page) -> Result<void> {
    SplitMix generator{pfn.v};
    for (size_t i = 0; i < page.size(); i += 8)
      store<uint64_t>(&page[i], generator());
    return {};
  });
  for (const Codec codec : {Codec::zlib, Codec::lzo, Codec::snappy, Codec::zstd}) {
    Packed packed;
    pack_all(source, set, plan, {.codec = codec, .share_zero_pages = true, .memory = kPlenty},
             packed);
    for (uint64_t rank = 0; rank < 64; ++rank) {
      const PageDescriptor descriptor = descriptor_of(packed.sink, plan, rank);
      EXPECT_EQ(descriptor.size, 4096U);
      EXPECT_EQ(descriptor.flags, 0U);
    }
    EXPECT_EQ(packed.sink.content.size(), plan.size_bound) << "the plan's bound is exact";
  }
}

TEST(Packer, ZeroPagesShareOne) {
  PageSet set({Pfn(0), Pfn(1024)});
  set.insert({Pfn(0), Pfn(1000)});
  const DumpPlan plan = plan_for(1000);
  const FakeSource source(plan.page_size,
                          [](Pfn /*pfn*/, MutBytes /*page*/) -> Result<void> { return {}; });
  Packed packed;
  pack_all(source, set, plan,
           {.codec = Codec::lzo, .share_zero_pages = true, .threads = 3, .memory = kPlenty},
           packed);
  EXPECT_EQ(packed.totals.zero, 1000U);
  EXPECT_EQ(packed.totals.stored, 0U);
  EXPECT_EQ(packed.totals.data_bytes, 4096U);
  EXPECT_EQ(packed.sink.content.size(), plan.data.v + 4096);
  for (uint64_t rank = 0; rank < 1000; ++rank) {
    const PageDescriptor descriptor = descriptor_of(packed.sink, plan, rank);
    ASSERT_EQ(descriptor.offset, plan.data.v);
    ASSERT_EQ(descriptor.size, 4096U);
    ASSERT_EQ(descriptor.flags, 0U) << "readers take the shared page as a raw one";
  }
}

TEST(Packer, WindowsGoOnWhereTheLastOneEnded) {
  std::vector<Pfn> frames;
  std::vector<PageSet> windows;
  for (const auto& [begin, end] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 64}, {64, 1024}, {1024, 1088}, {1088, 8192}, {1 << 20, (1 << 20) + 640}}) {
    PageSet window({Pfn(begin), Pfn(end)});
    if (begin != 1024) window.insert({Pfn(begin + 1), Pfn(end)});  // one window stays empty
    for (const Pfn pfn : members(window))
      frames.push_back(pfn);
    windows.push_back(std::move(window));
  }
  const DumpPlan plan = plan_for(frames.size());
  const FakeSource source(plan.page_size, good());
  for (const unsigned threads : {1U, 3U}) {
    MemorySink sink;
    auto packer = Packer::open(
        source, plan, sink,
        {.codec = Codec::lzo, .share_zero_pages = true, .threads = threads, .memory = kPlenty});
    ASSERT_TRUE(packer);
    uint64_t last = 0, expected = 0;
    for (const PageSet& window : windows) {
      ASSERT_TRUE(packer->pack(window, [&](uint64_t done) {
        EXPECT_GT(done, last);
        last = done;
      }));
      expected += window.count();
      EXPECT_EQ(last, expected);
    }
    for (size_t rank = 0; rank < frames.size(); ++rank)
      ASSERT_TRUE(same(read_page(sink, plan, rank), page_of(frames[rank], plan.page_size))) << rank;
  }
}

TEST(Packer, NothingToDo) {
  const PageSet set({Pfn(0), Pfn(4096)});
  const DumpPlan plan = plan_for(0);
  const FakeSource source(plan.page_size, good());
  Packed packed;
  pack_all(source, set, plan, {.share_zero_pages = true, .threads = 2, .memory = kPlenty}, packed);
  EXPECT_EQ(packed.sink.writes, 0U);
  EXPECT_EQ(packed.totals.written_to, plan.data.v);
}

TEST(Packer, PagesThatCannotBeReadAreCountedAndLeftEmpty) {
  PageSet set({Pfn(0), Pfn(1024)});
  set.insert({Pfn(0), Pfn(1024)});
  const DumpPlan plan = plan_for(1024);
  const FakeSource source(plan.page_size, [](Pfn pfn, MutBytes page) -> Result<void> {
    if (pfn.v % 10 == 3) return Error(Errc::not_found, "in no segment");
    if (pfn.v % 10 == 5) return Error(Errc::bad_input, "cut short");
    if (pfn.v % 10 == 7) return Error(Errc::io, "read", EIO);
    fill_page(pfn, page);
    return {};
  });
  for (const unsigned threads : {1U, 2U}) {
    Packed packed;
    pack_all(source, set, plan,
             {.codec = Codec::lzo, .share_zero_pages = true, .threads = threads, .memory = kPlenty},
             packed);
    uint64_t lost = 0;
    for (uint64_t rank = 0; rank < 1024; ++rank) {
      const bool is_lost = rank % 10 == 3 || rank % 10 == 5 || rank % 10 == 7;
      const auto page = read_page(packed.sink, plan, rank);
      ASSERT_EQ(page.has_value(), !is_lost) << rank;
      if (page) {
        ASSERT_TRUE(same(page, page_of(Pfn(rank), plan.page_size))) << rank;
      }
      lost += is_lost ? 1 : 0;
    }
    EXPECT_EQ(packed.totals.unreadable, lost);
    EXPECT_EQ(packed.totals.unreadable + packed.totals.stored + packed.totals.zero, 1024U);
  }
}

TEST(Packer, OtherErrorsOfTheReaderAreFatal) {
  const PageSet set = some_frames();
  const DumpPlan plan = plan_for(set.count());
  for (const unsigned threads : {1U, 2U, 8U}) {
    const FakeSource source(plan.page_size, [](Pfn pfn, MutBytes page) -> Result<void> {
      if (pfn == Pfn(2200)) return Error(Errc::no_memory, "mapping a window");
      fill_page(pfn, page);
      return {};
    });
    MemorySink sink;
    auto packer = Packer::open(source, plan, sink, {.threads = threads, .memory = kPlenty});
    ASSERT_TRUE(packer);
    const auto result = packer->pack(set, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::no_memory);
  }
}

// Wherever the target fills up, what it took before is a readable part of the dump.
TEST(Packer, AFullSinkLeavesWhatWasWrittenReadable) {
  const PageSet set = some_frames();
  const std::vector<Pfn> frames = members(set);
  const DumpPlan plan = plan_for(frames.size());
  const FakeSource source(plan.page_size, good());
  Packed whole;
  pack_all(source, set, plan,
           {.codec = Codec::lzo, .share_zero_pages = true, .threads = 1, .memory = kPlenty}, whole);
  for (const unsigned threads : {1U, 3U}) {
    for (const bool stay_full : {false, true}) {
      for (uint64_t fail_at = 1; fail_at <= whole.sink.writes; ++fail_at) {
        MemorySink sink;
        sink.fail_at_write = fail_at;
        sink.stay_full = stay_full;
        auto packer = Packer::open(
            source, plan, sink,
            {.codec = Codec::lzo, .share_zero_pages = true, .threads = threads, .memory = kPlenty});
        ASSERT_TRUE(packer);
        const auto result = packer->pack(set, {});
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code(), Errc::no_space);
        EXPECT_EQ(result.error().sys_errno(), ENOSPC);
        uint64_t readable = 0;
        for (size_t rank = 0; rank < frames.size(); ++rank) {
          const auto page = read_page(sink, plan, rank);
          if (!page) continue;
          ++readable;
          ASSERT_TRUE(same(page, page_of(frames[rank], plan.page_size)));
        }
        const PackTotals& totals = packer->totals();
        EXPECT_EQ(readable, totals.stored + totals.zero) << "failed at write " << fail_at;
        EXPECT_LE(totals.written_to, std::max<uint64_t>(sink.content.size(), plan.data.v));
      }
    }
  }
}

TEST(Packer, MorePagesThanPlannedAreNeverWritten) {
  PageSet set({Pfn(0), Pfn(1024)});
  set.insert({Pfn(0), Pfn(1024)});
  const DumpPlan plan = plan_for(1000);
  const FakeSource source(plan.page_size, good());
  MemorySink sink;
  auto packer = Packer::open(source, plan, sink, {.codec = Codec::lzo, .memory = kPlenty});
  ASSERT_TRUE(packer);
  const auto result = packer->pack(set, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::internal);
}

TEST(Packer, MemoryLimitsThreadsAndWindows) {
  const DumpPlan plan = plan_for(10);
  const auto threads_with = [&](uint64_t memory, unsigned wanted, size_t* window) {
    const FakeSource source(plan.page_size, good());
    MemorySink sink;
    auto packer = Packer::open(source, plan, sink,
                               {.codec = Codec::lzo, .threads = wanted, .memory = memory});
    EXPECT_TRUE(packer);
    EXPECT_EQ(source.readers, packer->threads());
    if (window != nullptr) *window = source.smallest_window;
    return packer->threads();
  };
  size_t window = 0;
  EXPECT_EQ(threads_with(0, 8, &window), 1U) << "the least there is works with any memory";
  EXPECT_LE(window, size_t{256} << 10);
  EXPECT_EQ(threads_with(4 << 20, 8, &window), 1U);
  EXPECT_GE(window, size_t{1} << 20);
  EXPECT_EQ(threads_with(16 << 20, 8, nullptr), 2U);
  EXPECT_EQ(threads_with(kPlenty, 8, &window), 8U);
  EXPECT_GE(window, size_t{4} << 20);
  EXPECT_EQ(threads_with(kPlenty, 0, nullptr), 1U);
}

TEST(Packer, FailuresToSetUpAreReported) {
  const DumpPlan plan = plan_for(10);
  FakeSource source(plan.page_size, good());
  source.readers_allowed = 0;
  MemorySink sink;
  EXPECT_FALSE(Packer::open(source, plan, sink, {.threads = 2, .memory = kPlenty}));

  const FakeSource fine(plan.page_size, good());
  EXPECT_FALSE(Packer::open(fine, plan, sink, {.codec = static_cast<Codec>(3), .memory = kPlenty}));

  const DumpPlan huge = plan_for(10, PageSize{18});
  const auto packer = Packer::open(fine, huge, sink, {.memory = kPlenty});
  ASSERT_FALSE(packer);
  EXPECT_EQ(packer.error().code(), Errc::unsupported);
}

}  // namespace
}  // namespace kdump
