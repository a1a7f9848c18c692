#include "makedump/memory/page_array.h"

#include <gmock/gmock.h>

#include "tests/unit/arch/fake_vmcore.h"

namespace kdump {
namespace {

using test::FakeVmcore;
using test::vmcoreinfo;
using testing::HasSubstr;

// Identity, with leaves of 2 MiB, and nothing mapped where no memory is.
class IdentityArch final : public Arch {
 public:
  static constexpr uint64_t kLeaf = 2 << 20;
  uint64_t end = uint64_t{1} << 40;
  [[nodiscard]] std::string_view name() const override { return "x86_64"; }
  [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
  [[nodiscard]] unsigned default_max_physmem_bits() const override { return 46; }
  [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader&) const override {
    if (addr.v < 4096 || addr.v >= end) return Error(Errc::not_found, hex(addr) + " not mapped");
    return Mapping{PhysAddr(addr.v), kLeaf - addr.v % kLeaf};
  }
};

constexpr uint64_t kRoots = 0x10000, kSections = 0x20000, kMap = 0x4000000;
constexpr uint64_t kSectionFrames = 32768;

// Four sections of RAM at 0 and two at 1 TiB/2; a table of sections as the lines describe it.
class PageArrayTest : public testing::Test {
 protected:
  static constexpr uint64_t kFarSection = 4096;  // at 2^39
  std::string lines_ =
      "SYMBOL(mem_section)=10000\nLENGTH(mem_section)=4096\nSIZE(mem_section)=32\n"
      "OFFSET(mem_section.section_mem_map)=8\nSIZE(page)=64\n";

  PageArrayTest() {
    vmcore_.ram(0, 0x20000000);
    vmcore_.ram(kFarSection << 27, (kFarSection + 2) << 27);
    root(0, kSections);
    root(kFarSection / 128, kSections + 0x1000);
    for (const uint64_t number : {0, 1, 3})
      section(kSections, number, number, 3);
    section(kSections + 0x1000, 0, kFarSection, 3);
    section(kSections + 0x1000, 1, kFarSection + 1, 3);
  }

  void root(uint64_t number, uint64_t sections) {
    vmcore_.poke<uint64_t>(kRoots + number * 8, sections);
  }
  // The page arrays of all sections are one after the other, as in vmemmap.
  void section(uint64_t table, uint64_t index, uint64_t number, uint64_t flags) {
    const uint64_t encoded = mem_map(number) - number * kSectionFrames * struct_size_;
    vmcore_.poke<uint64_t>(table + index * 32 + 8, encoded | flags);
  }
  [[nodiscard]] uint64_t mem_map(uint64_t number) const {
    return kMap + number % 64 * kSectionFrames * struct_size_;
  }
  Result<PageArray> open() {
    frames_ = Frames::of(vmcore_.memory, PageSize{12});
    return PageArray::open(memory_, vmcoreinfo(lines_), arch_, frames_);
  }
  void replace(const std::string& from, const std::string& to) {
    const size_t at = lines_.find(from);
    ASSERT_NE(at, std::string::npos);
    lines_.replace(at, from.size(), to);
  }
  // That the struct page of `pfn` is read from where it is.
  void expect_page(const PageArray& array, uint64_t pfn, uint64_t at, uint64_t wanted,
                   uint64_t count) {
    vmcore_.poke<uint64_t>(at, 0xabcd0000 + pfn);
    const auto view = array.view(memory_, Pfn(pfn), wanted, scratch_);
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_EQ(view->count, count);
    ASSERT_EQ(view->structs.size(), count * array.page_struct_size());
    EXPECT_EQ(load<uint64_t>(view->structs.data()), 0xabcd0000 + pfn);
  }

  uint64_t struct_size_ = 64;
  FakeVmcore vmcore_;
  IdentityArch arch_;
  Frames frames_;
  std::unique_ptr<PageReader> reader_ = std::move(*vmcore_.make_reader(0));
  AddressSpace memory_{arch_, *reader_, ByteOrder::little};
  std::vector<std::byte> scratch_;
};

TEST_F(PageArrayTest, SparsememExtreme) {
  const auto array = open();
  ASSERT_TRUE(array) << array.error().message();
  EXPECT_EQ(array->pages_per_section(), kSectionFrames);
  EXPECT_EQ(array->page_struct_size(), 64U);
  expect_page(*array, 0, mem_map(0), 10, 10);
  expect_page(*array, kSectionFrames + 100, mem_map(1) + 6400, 1, 1);
  const uint64_t far = kFarSection * kSectionFrames;
  expect_page(*array, far + 7, mem_map(kFarSection) + 7 * 64, 2000, 1024);  // 64 KiB at a time
  expect_page(*array, far + kSectionFrames, mem_map(kFarSection + 1), 5, 5);
}

TEST_F(PageArrayTest, ViewsEndAtSectionsAndLeaves) {
  const auto array = open();
  ASSERT_TRUE(array);
  expect_page(*array, kSectionFrames - 3, mem_map(0) + (kSectionFrames - 3) * 64, 100, 3);
}

TEST_F(PageArrayTest, SectionsWithoutStructPages) {
  const auto array = open();
  ASSERT_TRUE(array);
  const auto view = array->view(memory_, Pfn(2 * kSectionFrames + 5), 100000, scratch_);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->structs.empty());
  EXPECT_EQ(view->count, kSectionFrames - 5);
  const auto beyond = array->view(memory_, Pfn(uint64_t{1} << 50), 7, scratch_);
  ASSERT_TRUE(beyond);
  EXPECT_TRUE(beyond->structs.empty());
  EXPECT_EQ(beyond->count, 7U);
}

TEST_F(PageArrayTest, PresentSectionsNeedAMemMap) {
  section(kSections, 1, 1, 1);  // MARKED_PRESENT only
  section(kSections, 3, 3, 2);  // HAS_MEM_MAP only
  const auto array = open();
  ASSERT_TRUE(array);
  EXPECT_TRUE(array->view(memory_, Pfn(kSectionFrames), 1, scratch_)->structs.empty());
  EXPECT_TRUE(array->view(memory_, Pfn(3 * kSectionFrames), 1, scratch_)->structs.empty());
}

TEST_F(PageArrayTest, FlagsOfKernelsToComeAreNoAddress) {
  section(kSections, 1, 1, 0xfff);
  const auto array = open();
  ASSERT_TRUE(array);
  expect_page(*array, kSectionFrames, mem_map(1), 1, 1);
}

TEST_F(PageArrayTest, StaticSparsemem) {
  // 2^(46-40) sections of 1 TiB, the array itself at the symbol.
  lines_ =
      "SYMBOL(mem_section)=20000\nLENGTH(mem_section)=64\nSIZE(mem_section)=32\n"
      "OFFSET(mem_section.section_mem_map)=8\nSIZE(page)=64\nNUMBER(SECTION_SIZE_BITS)=40\n"
      "NUMBER(MAX_PHYSMEM_BITS)=46\n";
  vmcore_.poke<uint64_t>(kSections + 8, kMap | 3);
  const auto array = open();
  ASSERT_TRUE(array) << array.error().message();
  EXPECT_EQ(array->pages_per_section(), uint64_t{1} << 28);
  expect_page(*array, 9, kMap + 9 * 64, 1, 1);
}

TEST_F(PageArrayTest, TheSymbolMayBeThePointersOwnAddress) {  // 4.15 before a0b1280368d1
  vmcore_.poke<uint64_t>(0x30000, kRoots);
  replace("SYMBOL(mem_section)=10000", "SYMBOL(mem_section)=30000");
  const auto array = open();
  ASSERT_TRUE(array) << array.error().message();
  expect_page(*array, 5, mem_map(0) + 5 * 64, 1, 1);
}

TEST_F(PageArrayTest, LengthMayBeAbsent) {
  replace("LENGTH(mem_section)=4096\n", "");
  EXPECT_TRUE(open());
}

TEST_F(PageArrayTest, StructPagesThatCrossALeaf) {
  struct_size_ = 56;
  replace("SIZE(page)=64", "SIZE(page)=56");
  for (const uint64_t number : {0, 1, 3})
    section(kSections, number, number, 3);
  const auto array = open();
  ASSERT_TRUE(array);
  EXPECT_EQ(array->page_struct_size(), 56U);
  const uint64_t before = IdentityArch::kLeaf / 56;  // the one that begins before the border
  const uint64_t at = kMap + before * 56;
  ASSERT_LT(at, kMap + IdentityArch::kLeaf);
  vmcore_.poke<uint64_t>(at + 48, 0x1122334455667788);
  expect_page(*array, before - 1, at - 56, 10, 1);
  expect_page(*array, before, at, 10, 1);
  EXPECT_EQ(load<uint64_t>(scratch_.data() + 48), 0x1122334455667788U);
  expect_page(*array, before + 1, at + 56, 10, 10);
}

TEST_F(PageArrayTest, UnreadableStructPagesAreErrors) {
  vmcore_.poke<uint64_t>(kSections + 32 + 8,
                         (arch_.end + 0x1000) - kSectionFrames * 64 + 3);  // not mapped
  const auto array = open();
  ASSERT_TRUE(array);
  EXPECT_EQ(array->view(memory_, Pfn(kSectionFrames), 1, scratch_).error().code(), Errc::not_found);
  expect_page(*array, 0, mem_map(0), 1, 1);
}

TEST_F(PageArrayTest, DamagedRootsAreSectionsWithoutStructPages) {
  root(kFarSection / 128, 0xdead000000000000);
  const auto array = open();
  ASSERT_TRUE(array);
  EXPECT_TRUE(
      array->view(memory_, Pfn(kFarSection * kSectionFrames), 1, scratch_)->structs.empty());
  expect_page(*array, 0, mem_map(0), 1, 1);
}

TEST_F(PageArrayTest, NothingPlausibleIsSaid) {
  for (const char* symbol : {"SYMBOL(mem_section)=8", "SYMBOL(mem_section)=50000",
                             "SYMBOL(mem_section)=ffffffffffffffff"}) {
    const std::string before = lines_;
    replace("SYMBOL(mem_section)=10000", symbol);
    const auto array = open();
    ASSERT_FALSE(array) << symbol;
    EXPECT_EQ(array.error().code(), Errc::bad_input);
    EXPECT_THAT(array.error().message(), HasSubstr("no section of memory has struct pages there"));
    lines_ = before;
  }
}

TEST_F(PageArrayTest, NonsenseIsNamed) {
  const struct {
    std::string from, to;
  } cases[] = {
      {"SIZE(mem_section)=32", "SIZE(mem_section)=0"},
      {"SIZE(mem_section)=32", "SIZE(mem_section)=12"},
      {"SIZE(mem_section)=32", "SIZE(mem_section)=8192"},
      {"SIZE(mem_section)=32", "SIZE(mem_section)=18446744073709551608"},
      {"OFFSET(mem_section.section_mem_map)=8", "OFFSET(mem_section.section_mem_map)=32"},
      {"OFFSET(mem_section.section_mem_map)=8", "OFFSET(mem_section.section_mem_map)=4"},
      {"LENGTH(mem_section)=4096", "LENGTH(mem_section)=0"},
      {"LENGTH(mem_section)=4096", "LENGTH(mem_section)=18446744073709551615"},
      {"SIZE(page)=64", "SIZE(page)=0"},
      {"SIZE(page)=64", "SIZE(page)=1024"},
      {"SIZE(page)=64\n", "SIZE(page)=64\nNUMBER(SECTION_SIZE_BITS)=12"},
      {"SIZE(page)=64\n", "SIZE(page)=64\nNUMBER(SECTION_SIZE_BITS)=64"},
      {"SIZE(page)=64\n", "SIZE(page)=64\nNUMBER(MAX_PHYSMEM_BITS)=27"},
      {"SIZE(page)=64\n", "SIZE(page)=64\nNUMBER(MAX_PHYSMEM_BITS)=64"},
  };
  for (const auto& c : cases) {
    const std::string before = lines_;
    replace(c.from, c.to);
    const auto array = open();
    ASSERT_FALSE(array) << c.to;
    EXPECT_EQ(array.error().code(), Errc::bad_input);
    EXPECT_THAT(array.error().message(),
                HasSubstr(c.to.substr(c.to.find('\n') + 1) + " makes no sense"));
    lines_ = before;
  }
}

TEST_F(PageArrayTest, OtherMemoryModelsAreUnsupported) {
  lines_ = "SYMBOL(mem_map)=1000\nSIZE(page)=64\n";
  EXPECT_EQ(open().error().code(), Errc::unsupported);
  lines_ = "SIZE(page)=64\n";
  EXPECT_THAT(open().error().message(), HasSubstr("no SYMBOL(mem_section)"));
}

TEST_F(PageArrayTest, AnEndlessMachineIsRefused) {
  lines_ += "NUMBER(SECTION_SIZE_BITS)=21\nNUMBER(MAX_PHYSMEM_BITS)=52\n";
  vmcore_.memory.clear();
  vmcore_.ram(0, uint64_t{1} << 50);
  const auto array = open();
  ASSERT_FALSE(array);
  EXPECT_EQ(array.error().code(), Errc::unsupported);
  EXPECT_THAT(array.error().message(), HasSubstr("more than 4194304 memory sections of 2.0 MiB"));
}

}  // namespace
}  // namespace kdump
