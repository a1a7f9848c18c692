#include "makedump/memory/address_space.h"

#include <gmock/gmock.h>
#include <map>

#include "tests/unit/arch/fake_vmcore.h"

namespace kdump {
namespace {

using test::FakeVmcore;
using testing::HasSubstr;

// Pages mapped one by one.
class PagedArch final : public Arch {
 public:
  std::map<uint64_t, uint64_t> pages;  // virtual to physical page addresses
  mutable unsigned translations = 0;

  [[nodiscard]] std::string_view name() const override { return "paged"; }
  [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
  [[nodiscard]] unsigned default_max_physmem_bits() const override { return 46; }
  [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader&) const override {
    ++translations;
    const auto found = pages.find(addr.v & ~uint64_t{4095});
    if (found == pages.end()) return Error(Errc::not_found, hex(addr) + " is not mapped");
    return Mapping{PhysAddr(found->second + addr.v % 4096), 4096 - addr.v % 4096};
  }
};

class AddressSpaceTest : public testing::Test {
 protected:
  AddressSpaceTest() {
    vmcore_.ram(0x1000, 0x4000);
    for (uint64_t i = 0; i < 0x3000; i += 8)
      vmcore_.poke<uint64_t>(0x1000 + i, 0x1000 + i);
    arch_.pages = {{0x10000, 0x3000}, {0x11000, 0x1000}, {0x13000, 0x9000}};
  }

  FakeVmcore vmcore_;
  PagedArch arch_;
  std::unique_ptr<PageReader> reader_ = std::move(*vmcore_.make_reader(0));
  AddressSpace memory_{arch_, *reader_, ByteOrder::little};
};

TEST_F(AddressSpaceTest, ReadsOverPageBorders) {
  std::array<std::byte, 0x1008> bytes{};
  ASSERT_TRUE(memory_.read(VirtAddr(0x10ff8), bytes));
  EXPECT_EQ(load<uint64_t>(bytes.data()), 0x3ff8U);
  EXPECT_EQ(load<uint64_t>(bytes.data() + 8), 0x1000U);
  EXPECT_EQ(load<uint64_t>(bytes.data() + 0x1000), 0x1ff8U);
  const auto beyond = memory_.read(VirtAddr(0x10ff9), bytes);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code(), Errc::not_found);
}

TEST_F(AddressSpaceTest, ErrorsNameTheVirtualAddress) {
  const auto value = memory_.read_value<uint32_t>(VirtAddr(0x13010));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message(),
            "virtual address 0x13010: no memory at physical address 0x9010");
  EXPECT_THAT(memory_.view(VirtAddr(0x13010), 8).error().message(),
              HasSubstr("virtual address 0x13010: "));
}

TEST_F(AddressSpaceTest, ViewsEndWithTheMapping) {
  const auto bytes = memory_.view(VirtAddr(0x10f00), 0x1000);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 0x100U);
  EXPECT_EQ(load<uint64_t>(bytes->data()), 0x3f00U);
}

TEST_F(AddressSpaceTest, TranslatesALeafOnce) {
  for (uint64_t i = 0; i < 4096; i += 8)
    ASSERT_TRUE(memory_.read_value<uint64_t>(VirtAddr(0x10000 + i)));
  EXPECT_EQ(arch_.translations, 1U);
}

// One large mapping whose later part is not in the dump: what is there can be viewed.
TEST(AddressSpace, ViewsWhatIsBeforeAHole) {
  class LinearArch final : public Arch {
   public:
    [[nodiscard]] std::string_view name() const override { return "linear"; }
    [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
    [[nodiscard]] unsigned default_max_physmem_bits() const override { return 46; }
    [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader&) const override {
      return Mapping{PhysAddr(addr.v), UINT64_MAX - addr.v};
    }
  } arch;
  FakeVmcore vmcore;
  vmcore.ram(0x1000, 0x2000);
  const auto reader = std::move(*vmcore.make_reader(0));
  AddressSpace memory(arch, *reader, ByteOrder::little);
  const auto bytes = memory.view(VirtAddr(0x1800), 1 << 20);
  ASSERT_TRUE(bytes) << bytes.error().message();
  EXPECT_EQ(bytes->size(), 0x800U);
  EXPECT_FALSE(memory.view(VirtAddr(0x2000), 1 << 20));
}

}  // namespace
}  // namespace kdump
