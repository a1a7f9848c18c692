#include "makedump/source/elf_reader.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <random>

#include "makedump/source/elf_source.h"
#include "tests/unit/source/elf_file.h"

namespace kdump {
namespace {

using test::ElfFile;
using test::TempFile;
using testing::HasSubstr;

constexpr uint64_t kPage = 4096;

// What a test finds at a physical address.
std::byte byte_at(uint64_t phys) {
  return static_cast<std::byte>(phys * 7 + phys / 256 * 13 + phys / 65536 * 5);
}

// Two pieces that touch in mid-page, one behind a hole, one of 2 MiB whose last bytes are absent.
class Vmcore {
 public:
  static constexpr uint64_t kFirst = 0x100400, kBorder = 0x104800, kSecondEnd = 0x106000,
                            kThird = 0x108000, kThirdEnd = 0x108c00, kLarge = 0x200000,
                            kLargeBytes = 2 << 20;

  Vmcore() {
    ElfFile elf;
    uint64_t offset = 0x1400;
    const auto add = [&](uint64_t begin, uint64_t end, uint64_t absent) {
      elf.load(offset, 0, begin, end - begin, end - begin + absent);
      std::vector<std::byte> content(end - begin);
      for (uint64_t i = 0; i < content.size(); ++i)
        content[i] = byte_at(begin + i);
      file.write(FileOffset(offset), content);
      pieces.push_back({PhysAddr(begin), PhysAddr(end)});
      offset += content.size() + 0x230;
    };
    add(kFirst, kBorder, 0);
    add(kBorder, kSecondEnd, 0);
    add(kThird, kThirdEnd, kPage);
    add(kLarge, kLarge + kLargeBytes, 0);
    elf.write(file);
    size = offset;
    file.resize(size);
  }

  [[nodiscard]] std::unique_ptr<Source> open(bool by_mmap) const {
    auto fd = open_file(file.path(), O_RDONLY);
    EXPECT_TRUE(fd);
    auto source = open_elf_source(std::move(*fd), file.path(), size, by_mmap);
    EXPECT_TRUE(source) << source.error().message();
    return std::move(*source);
  }

  [[nodiscard]] bool has(uint64_t phys) const {
    return std::any_of(pieces.begin(), pieces.end(),
                       [&](const PhysRange& r) { return r.contains(PhysAddr(phys)); });
  }

  TempFile file;
  uint64_t size = 0;
  std::vector<PhysRange> pieces;
};

class ElfReaderTest : public testing::TestWithParam<bool> {  // by mmap
 protected:
  void SetUp() override {
    source_ = vmcore_.open(GetParam());
    reader_ = std::move(*source_->make_reader(0));
  }
  // Whether `bytes` are what memory holds at `phys`, zeros where the dump has none.
  void expect_memory(Bytes bytes, uint64_t phys) {
    for (uint64_t i = 0; i < bytes.size(); ++i)
      ASSERT_EQ(bytes[i], vmcore_.has(phys + i) ? byte_at(phys + i) : std::byte{0})
          << hex(phys) << " + " << i;
  }

  Vmcore vmcore_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<PageReader> reader_;
};

TEST_P(ElfReaderTest, ViewsWhatIsThere) {
  const struct {
    uint64_t phys;
    size_t size;
  } cases[] = {
      {Vmcore::kFirst, 1},
      {Vmcore::kFirst, kPage},
      {Vmcore::kBorder - 8, 8},
      {Vmcore::kBorder, 8},
      {Vmcore::kBorder - 4, 8},
      {Vmcore::kBorder - 0x800, kPage},
      {Vmcore::kThirdEnd - 1, 1},
      {Vmcore::kLarge, 65536},
      {Vmcore::kLarge + 65536, 65536},
      {Vmcore::kLarge + 4090, 8},
      {Vmcore::kLarge + 4090, 3000},
      {Vmcore::kLarge + 1999990, 65536},
      {Vmcore::kLarge + 10, 65536},
  };
  for (const auto& c : cases) {
    const auto bytes = reader_->view(PhysAddr(c.phys), c.size);
    ASSERT_TRUE(bytes) << bytes.error().message();
    ASSERT_EQ(bytes->size(), c.size);
    expect_memory(*bytes, c.phys);
  }
}

TEST_P(ElfReaderTest, ViewSaysWhereNothingIs) {
  for (const uint64_t phys :
       {uint64_t{0}, Vmcore::kFirst - 1, Vmcore::kSecondEnd - 4, Vmcore::kSecondEnd,
        Vmcore::kThirdEnd, Vmcore::kLarge + Vmcore::kLargeBytes, UINT64_MAX - 3, UINT64_MAX}) {
    const auto bytes = reader_->view(PhysAddr(phys), 8);
    ASSERT_FALSE(bytes) << hex(phys);
    EXPECT_EQ(bytes.error().code(), Errc::not_found);
    EXPECT_THAT(bytes.error().message(), HasSubstr("no memory at physical address " + hex(phys)));
  }
  EXPECT_TRUE(reader_->view(PhysAddr(0), 0));
}

TEST_P(ElfReaderTest, FramesAreFilledUpWithZeros) {
  for (uint64_t phys = 0x100000; phys < 0x10a000; phys += kPage) {
    const auto frame = reader_->view_frame(PhysAddr(phys), kPage);
    const bool exists = phys < Vmcore::kSecondEnd || phys == Vmcore::kThird;
    ASSERT_EQ(frame.has_value(), exists) << hex(phys);
    if (!exists) {
      EXPECT_EQ(frame.error().code(), Errc::not_found);
      continue;
    }
    ASSERT_EQ(frame->size(), kPage);
    expect_memory(*frame, phys);
  }
  const auto large = reader_->view_frame(PhysAddr(0x100000), 65536);
  ASSERT_TRUE(large);
  expect_memory(*large, 0x100000);
}

TEST_P(ElfReaderTest, ReadCopiesAnySize) {
  std::vector<std::byte> into(Vmcore::kLargeBytes - 10);
  ASSERT_TRUE(reader_->read(PhysAddr(Vmcore::kLarge + 5), into));
  expect_memory(into, Vmcore::kLarge + 5);
  EXPECT_FALSE(reader_->read(PhysAddr(Vmcore::kLarge + 11), into));
}

TEST_P(ElfReaderTest, RandomAccess) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t at = random() % (Vmcore::kLargeBytes - 8192);
    const size_t size = 1 + random() % (random() % 2 != 0 ? 64 : 8192);
    const auto bytes = reader_->view(PhysAddr(Vmcore::kLarge + at), size);
    ASSERT_TRUE(bytes) << bytes.error().message();
    ASSERT_EQ(bytes->front(), byte_at(Vmcore::kLarge + at));
    ASSERT_EQ(bytes->back(), byte_at(Vmcore::kLarge + at + size - 1));
  }
}

TEST_P(ElfReaderTest, RefusesViewsBeyondItsContract) {
  EXPECT_EQ(reader_->view(PhysAddr(Vmcore::kLarge), ElfReader::kMaxView + 1).error().code(),
            Errc::internal);
  EXPECT_EQ(reader_->view_frame(PhysAddr(Vmcore::kLarge), SIZE_MAX).error().code(), Errc::internal);
}

INSTANTIATE_TEST_SUITE_P(Ways, ElfReaderTest, testing::Bool(),
                         [](const auto& way) { return way.param ? "mmap" : "pread"; });

// A file that shrinks while it is read: an error, not SIGBUS.
TEST(ElfReader, SaysWhereAFileWasCutShort) {
  const Vmcore vmcore;
  const auto source = vmcore.open(false);
  const auto reader = std::move(*source->make_reader(0));
  const uint64_t large_at = source->segments()[3].offset.v;
  vmcore.file.resize(large_at + 100000);
  EXPECT_TRUE(reader->view_frame(PhysAddr(Vmcore::kLarge), kPage));
  for (const size_t size : {size_t{8}, size_t{kPage}}) {
    const auto lost = reader->view(PhysAddr(Vmcore::kLarge + 200000), size);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code(), Errc::bad_input);
    EXPECT_THAT(lost.error().message(), HasSubstr("cut short at "));
  }
  const auto half = reader->view_frame(PhysAddr(Vmcore::kLarge + 24 * kPage), kPage);
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().message(), HasSubstr("cut short at " + hex(large_at + 100000)));
}

// Behind its end the last page that is left of it reads as zeros, without SIGBUS.
TEST(ElfReader, TakesNoZerosForWhatWasCutOff) {
  const Vmcore vmcore;
  const auto source = vmcore.open(false);
  const auto reader = std::move(*source->make_reader(0));
  const uint64_t large_at = source->segments()[3].offset.v;
  vmcore.file.resize(large_at + 100000);
  const auto half = reader->view_frame(PhysAddr(Vmcore::kLarge + 24 * kPage), kPage);
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().message(), HasSubstr("cut short at " + hex(large_at + 100000)));
}

// After it was mapped.
TEST(ElfReader, SurvivesAFileThatIsCutShortUnderItsMapping) {
  const Vmcore vmcore;
  const auto source = vmcore.open(false);
  const auto reader = std::move(*source->make_reader(0));
  ASSERT_TRUE(reader->view_frame(PhysAddr(Vmcore::kLarge), kPage));
  vmcore.file.resize(source->segments()[3].offset.v + kPage);
  for (int time = 0; time < 2; ++time) {
    const auto lost = reader->view_frame(PhysAddr(Vmcore::kLarge + 20 * kPage), kPage);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code(), Errc::bad_input);
    EXPECT_THAT(lost.error().message(), HasSubstr("cut short at "));
  }
  // What is still there can still be read.
  const auto first = reader->view_frame(PhysAddr(Vmcore::kLarge), kPage);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->front(), byte_at(Vmcore::kLarge));
}

// Nobody's SIGBUS ends the process as ever.
TEST(ElfReaderDeathTest, AnotherSigbusIsFatal) {
  const Vmcore vmcore;
  const auto source = vmcore.open(false);
  const auto reader = std::move(*source->make_reader(0));
  ASSERT_TRUE(reader->view_frame(PhysAddr(Vmcore::kLarge), kPage));
  EXPECT_DEATH((void)::raise(SIGBUS), "");
}

// The kernel maps /proc/vmcore only; where it refuses, reading takes over for good.
TEST(ElfReader, ReadsWhereMappingIsRefused) {
  MemoryFile file;
  file.name = "/proc/self/maps";  // procfs: has bytes, but no mmap
  auto maps = open_file(file.name, O_RDONLY);
  ASSERT_TRUE(maps);
  file.fd = std::move(*maps);
  file.size = kPage;
  file.is_memory = true;
  file.pieces.push_back({{PhysAddr(0x1000), PhysAddr(0x2000)}, FileOffset(0)});
  ElfReader reader(file, 0);
  const auto bytes = reader.view_frame(PhysAddr(0x1000), 1200);
  ASSERT_TRUE(bytes) << bytes.error().message();
  EXPECT_THAT(std::string(as_text(*bytes)), HasSubstr("-"));
}

}  // namespace
}  // namespace kdump
