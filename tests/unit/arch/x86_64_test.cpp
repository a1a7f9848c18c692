#include <gmock/gmock.h>

#include "makedump/arch/arch.h"
#include "tests/unit/arch/fake_vmcore.h"

namespace kdump {
namespace {

using test::FakeVmcore;
using test::vmcoreinfo;
using testing::HasSubstr;

constexpr uint64_t kImageMap = 0xffffffff80000000;
// The kernel was moved to 0x9e600000 within the map and to 0xec00000 in memory.
constexpr uint64_t kText = 0xffffffff9e600000, kTextPhys = 0x0ec00000, kTextBytes = 0x3400000;
constexpr uint64_t kPhysBase = kTextPhys - (kText - kImageMap);  // negative
constexpr uint64_t kTable = kText + 0x10000, kTablePhys = kTextPhys + 0x10000;
constexpr uint64_t kDirect = 0xff1c5e18c0000000;   // 5 levels
constexpr uint64_t kDirect4 = 0xffff9b0380000000;  // 4 levels
constexpr uint64_t kVmemmap4 = 0xffffe94240000000;

std::string number_lines(bool five_levels) {
  return "NUMBER(phys_base)=" + std::to_string(static_cast<int64_t>(kPhysBase)) +
         "\nSYMBOL(init_top_pgt)=" + hex(kTable).substr(2) +
         "\nNUMBER(pgtable_l5_enabled)=" + (five_levels ? "1" : "0") +
         "\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\nNUMBER(sme_mask)=0\n";
}

class X86_64 : public testing::Test {
 protected:
  // RAM of two ranges, the image and the direct map of both in the program headers, the image in
  // the page tables.
  void build(bool five_levels) {
    levels_ = five_levels ? 5 : 4;
    const uint64_t direct = five_levels ? kDirect : kDirect4;
    vmcore_.ram(0, 0x40000000);
    vmcore_.ram(0x100000000, 0x140000000);
    vmcore_.segment(kText, kTextPhys, kTextBytes);
    vmcore_.segment(direct, 0, 0x40000000);
    vmcore_.segment(direct + 0x100000000, 0x100000000, 0x40000000);
    vmcore_.map(kTablePhys, levels_, kText, kTextPhys, 2);
    lines_ = number_lines(five_levels);
  }
  void open() {
    info_ = std::make_unique<VmcoreInfo>(vmcoreinfo(lines_));
    auto arch = make_arch(vmcore_, *info_);
    ASSERT_TRUE(arch) << arch.error().message();
    arch_ = std::move(*arch);
    reader_ = std::move(*vmcore_.make_reader(0));
  }
  std::string refusal() {
    const auto arch = make_arch(vmcore_, vmcoreinfo(lines_));
    return arch ? "accepted" : arch.error().message();
  }
  void expect(uint64_t virt, uint64_t phys, uint64_t bytes) {
    const auto mapping = arch_->translate(VirtAddr(virt), *reader_);
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_EQ(mapping->phys, PhysAddr(phys)) << hex(virt) << " is at " << hex(mapping->phys);
    EXPECT_EQ(mapping->bytes, bytes) << hex(virt);
  }
  void expect_none(uint64_t virt, Errc code) {
    const auto mapping = arch_->translate(VirtAddr(virt), *reader_);
    ASSERT_FALSE(mapping) << hex(virt) << " is at " << hex(mapping->phys);
    EXPECT_EQ(mapping.error().code(), code) << mapping.error().message();
    EXPECT_THAT(mapping.error().message(), HasSubstr("virtual address " + hex(virt)));
  }

  FakeVmcore vmcore_;
  unsigned levels_ = 4;
  std::string lines_;
  std::unique_ptr<VmcoreInfo> info_;
  std::unique_ptr<Arch> arch_;
  std::unique_ptr<PageReader> reader_;
};

TEST_F(X86_64, ImageAndDirectMapNeedNoTables) {
  for (const bool five_levels : {false, true}) {
    vmcore_ = FakeVmcore();
    build(five_levels);
    open();
    EXPECT_EQ(arch_->name(), "x86_64");
    EXPECT_EQ(arch_->phys_base(), kPhysBase);
    EXPECT_EQ(arch_->default_section_size_bits(), 27U);
    EXPECT_EQ(arch_->default_max_physmem_bits(), five_levels ? 52U : 46U);
    expect(kText, kTextPhys, kTextBytes);
    expect(kText + kTextBytes - 1, kTextPhys + kTextBytes - 1, 1);
    const uint64_t direct = five_levels ? kDirect : kDirect4;
    expect(direct + 0x1234, 0x1234, 0x40000000 - 0x1234);
    expect(direct + 0x100000000, 0x100000000, 0x40000000);
    expect_none(direct + 0x40000000, Errc::not_found);  // the hole between the ranges
    expect_none(direct + 0x140000000, Errc::not_found);
    expect_none(kText - 1, Errc::not_found);
  }
}

TEST_F(X86_64, WalksEverySizeOfLeaf) {
  for (const bool five_levels : {false, true}) {
    vmcore_ = FakeVmcore();
    build(five_levels);
    vmcore_.map(kTablePhys, levels_, kVmemmap4, 0x120000000, 2);
    vmcore_.map(kTablePhys, levels_, kVmemmap4 + 0x200000, 0x7000, 1);
    vmcore_.map(kTablePhys, levels_, kVmemmap4 + 0x40000000, 0x100000000, 3);
    open();
    expect(kVmemmap4, 0x120000000, 0x200000);
    expect(kVmemmap4 + 0x1fffc0, 0x1201fffc0, 0x40);
    expect(kVmemmap4 + 0x200008, 0x7008, 0xff8);
    expect(kVmemmap4 + 0x40001000, 0x100001000, 0x3ffff000);
    expect_none(kVmemmap4 + 0x201000, Errc::not_found);
    expect_none(kVmemmap4 + 0x400000, Errc::not_found);
  }
}

TEST_F(X86_64, LeafAttributesAreNoAddress) {
  build(false);
  constexpr uint64_t kPat = 1 << 12, kNoExecute = uint64_t{1} << 63, kSoftware = uint64_t{1} << 58;
  vmcore_.map(kTablePhys, 4, kVmemmap4, 0x120000000, 2, kPat | kNoExecute | kSoftware);
  open();
  expect(kVmemmap4 + 0x1000, 0x120001000, 0x1ff000);
}

TEST_F(X86_64, EncryptionBitIsNoAddress) {
  build(false);
  lines_.replace(lines_.find("NUMBER(sme_mask)=0"), 18,
                 "NUMBER(sme_mask)=" + std::to_string(FakeVmcore::kEncrypted));
  vmcore_.map(kTablePhys, 4, kVmemmap4, 0x120000000, 2, FakeVmcore::kEncrypted);
  open();
  expect(kVmemmap4, 0x120000000, 0x200000);
}

TEST_F(X86_64, OlderNamesOfThePageTable) {
  for (const char* name : {"init_level4_pgt", "swapper_pg_dir"}) {
    vmcore_ = FakeVmcore();
    build(false);
    lines_.replace(lines_.find("init_top_pgt"), 12, name);
    open();
    expect(kText, kTextPhys, kTextBytes);
  }
}

TEST_F(X86_64, ADamagedPhysBaseGivesWayToTheProgramHeader) {
  build(true);
  lines_ = "NUMBER(phys_base)=16777216\n" + lines_;  // the first of two holds
  vmcore_.map(kTablePhys, 5, kVmemmap4, 0x120000000, 2);
  open();
  EXPECT_EQ(arch_->phys_base(), kPhysBase);
  expect(kText, kTextPhys, kTextBytes);
  expect(kVmemmap4, 0x120000000, 0x200000);
}

TEST_F(X86_64, AWrongTextHeaderGivesWayToPhysBase) {
  build(true);
  vmcore_.program_headers[0].phys = PhysAddr(0x1000000);
  open();
  EXPECT_EQ(arch_->phys_base(), kPhysBase);
  expect(kText + 0x1000, kTextPhys + 0x1000, 0x1ff000);  // by the page tables
}

TEST_F(X86_64, HypervisorsGiveNoVirtualAddresses) {
  build(false);
  vmcore_.program_headers.clear();
  vmcore_.segment(0, 0, 0x40000000);
  vmcore_.map(kTablePhys, 4, kDirect4, 0, 3);
  open();
  expect(kDirect4 + 0x5000, 0x5000, 0x40000000 - 0x5000);
  expect(kText, kTextPhys, 0x200000);
  // Beyond what the tables map, the image may still be where phys_base says.
  expect(kText + 0x200000, kTextPhys + 0x200000, 0x40000000 - kTextPhys - 0x200000);
}

TEST_F(X86_64, ADirectMapThatThePageTablesContradictIsNotBelieved) {
  build(false);
  vmcore_.map(kTablePhys, 4, kDirect4, 0x100000000, 3);
  open();
  expect(kDirect4 + 0x1000, 0x100001000, 0x40000000 - 0x1000);
}

TEST_F(X86_64, NonCanonicalAddressesAreNotMapped) {
  build(false);
  open();
  for (const uint64_t virt :
       {uint64_t{0x800000000000}, uint64_t{0xff1c5e18c0000000}, uint64_t{0x7fffffffffffffff}})
    expect_none(virt, Errc::not_found);
  expect_none(0, Errc::not_found);
  expect_none(UINT64_MAX, Errc::not_found);
}

TEST_F(X86_64, DamagedTablesAreSaid) {
  build(false);
  const uint64_t top_entry = FakeVmcore::entry_address(kTablePhys, 4, kVmemmap4);
  vmcore_.poke<uint64_t>(top_entry, 0x7ffff000 | FakeVmcore::kUsual);  // no RAM there
  open();
  expect_none(kVmemmap4, Errc::bad_input);
  vmcore_.poke<uint64_t>(top_entry, 0x100000 | FakeVmcore::kUsual | FakeVmcore::kLarge);
  expect_none(kVmemmap4, Errc::bad_input);
}

TEST_F(X86_64, TablesThatPointToThemselvesEnd) {
  build(true);
  vmcore_.poke<uint64_t>(FakeVmcore::entry_address(kTablePhys, 5, kVmemmap4),
                         kTablePhys | FakeVmcore::kUsual);
  for (unsigned entry = 0; entry < 512; ++entry)
    if ((vmcore_.peek(kTablePhys + entry * 8) & 1) == 0)
      vmcore_.poke<uint64_t>(kTablePhys + entry * 8, kTablePhys | FakeVmcore::kUsual);
  open();
  const uint64_t before = vmcore_.reads;
  (void)arch_->translate(VirtAddr(kVmemmap4), *reader_);
  EXPECT_LE(vmcore_.reads - before, 5U);
}

TEST_F(X86_64, RefusesWhatItCannotWorkWith) {
  build(false);
  const std::string good = lines_;
  lines_ = "NUMBER(phys_base)=0\n";
  EXPECT_EQ(refusal(), "/x/vmcore: VMCOREINFO: no SYMBOL(swapper_pg_dir)");
  lines_ = "SYMBOL(init_top_pgt)=ffff888000000000\n";
  EXPECT_THAT(refusal(), HasSubstr("0xffff888000000000 is not a page of the kernel image"));
  lines_ = "SYMBOL(init_top_pgt)=" + hex(kTable + 8).substr(2) + "\n";
  EXPECT_THAT(refusal(), HasSubstr("is not a page of the kernel image"));
  lines_ = "NUMBER(KERNEL_IMAGE_SIZE)=0\n" + good;
  EXPECT_THAT(refusal(), HasSubstr("NUMBER(KERNEL_IMAGE_SIZE)=0 makes no sense"));
  lines_ = "NUMBER(sme_mask)=-1\n" + good;
  EXPECT_THAT(refusal(), HasSubstr("NUMBER(sme_mask)=-1 makes no sense"));
  lines_ = good;
  vmcore_.program_headers.erase(vmcore_.program_headers.begin());
  lines_ = "NUMBER(phys_base)=1099511627776\n" + good;
  EXPECT_THAT(refusal(), HasSubstr("where the dump has no memory"));
  lines_ = good;
  lines_.replace(lines_.find("NUMBER(phys_base)"), 17, "gone");
  EXPECT_THAT(refusal(), HasSubstr("no NUMBER(phys_base)"));
}

TEST_F(X86_64, RefusesMemoryThatTheKernelCouldNotUse) {
  build(false);
  vmcore_.ram(uint64_t{1} << 46, (uint64_t{1} << 46) + 4096);
  EXPECT_THAT(refusal(), HasSubstr("/x/vmcore: memory up to physical address 0x400000001000, but "
                                   "the kernel could use only 46 bits"));
}

TEST_F(X86_64, RefusesOtherPageSizes) {
  build(false);
  auto info = VmcoreInfo::parse("OSRELEASE=6\nPAGESIZE=65536\n" + lines_, "/x/vmcore: VMCOREINFO");
  ASSERT_TRUE(info);
  EXPECT_THAT(make_arch(vmcore_, *info).error().message(), HasSubstr("PAGESIZE is 65536"));
}

TEST_F(X86_64, OtherMachinesAreUnsupported) {
  build(false);
  vmcore_.elf_machine = EM_AARCH64;
  const auto arch = make_arch(vmcore_, vmcoreinfo(lines_));
  ASSERT_FALSE(arch);
  EXPECT_EQ(arch.error().code(), Errc::unsupported);
  EXPECT_THAT(arch.error().message(), HasSubstr("dumps of aarch64 can't be filtered"));
}

}  // namespace
}  // namespace kdump
