#include "makedump/memory/utsname.h"

#include <gtest/gtest.h>

#include "tests/unit/arch/fake_vmcore.h"

namespace kdump {
namespace {

using test::FakeVmcore;
using test::vmcoreinfo;

class IdentityArch final : public Arch {
 public:
  [[nodiscard]] std::string_view name() const override { return "x86_64"; }
  [[nodiscard]] unsigned default_section_size_bits() const override { return 27; }
  [[nodiscard]] unsigned default_max_physmem_bits() const override { return 46; }
  [[nodiscard]] Result<Mapping> translate(VirtAddr addr, PageReader&) const override {
    return Mapping{PhysAddr(addr.v), 4096 - addr.v % 4096};
  }
};

class UtsnameTest : public testing::Test {
 protected:
  UtsnameTest() { vmcore_.ram(0x1000, 0x3000); }
  void names_at(uint64_t phys) {
    const char* const fields[] = {"Linux", "db1", "6.1.0-56-amd64", "#1 SMP", "x86_64", "(none)"};
    for (size_t i = 0; i < std::size(fields); ++i)
      vmcore_.poke(phys + i * 65, as_bytes(fields[i]));
  }
  Utsname read(const std::string& lines) {
    const auto reader = std::move(*vmcore_.make_reader(0));
    AddressSpace memory(arch_, *reader, ByteOrder::little);
    return read_utsname(memory, vmcoreinfo(lines));
  }
  void expect_found(const Utsname& names) {
    EXPECT_EQ(names.sysname, "Linux");
    EXPECT_EQ(names.nodename, "db1");
    EXPECT_EQ(names.release, "6.1.0-56-amd64");
    EXPECT_EQ(names.version, "#1 SMP");
    EXPECT_EQ(names.machine, "x86_64");
    EXPECT_EQ(names.domainname, "(none)");
  }
  void expect_filled(const Utsname& names) {
    EXPECT_EQ(names.sysname, "Linux");
    EXPECT_EQ(names.nodename, "");
    EXPECT_EQ(names.release, "6.1.0-test");
    EXPECT_EQ(names.version, "#1");
    EXPECT_EQ(names.machine, "x86_64");
  }

  FakeVmcore vmcore_;
  IdentityArch arch_;
};

TEST_F(UtsnameTest, ReadsOverAPageBorder) {
  names_at(0x1f04);
  expect_found(read("SYMBOL(init_uts_ns)=1f00\nOFFSET(uts_namespace.name)=4\n"));
}

TEST_F(UtsnameTest, FindsItWithoutTheOffset) {
  names_at(0x1f04);
  expect_found(read("SYMBOL(init_uts_ns)=1f00\n"));
}

TEST_F(UtsnameTest, FillsWhatCantBeRead) {
  expect_filled(read(""));
  expect_filled(read("SYMBOL(init_uts_ns)=1f00\n"));
  expect_filled(read("SYMBOL(init_uts_ns)=90000\nOFFSET(uts_namespace.name)=4\n"));
  expect_filled(read("SYMBOL(init_uts_ns)=1f00\nOFFSET(uts_namespace.name)=4000000000\n"));
}

TEST_F(UtsnameTest, FillsFieldsThatAreNoText) {
  names_at(0x1000);
  vmcore_.poke(0x1000 + 2 * 65, as_bytes(std::string(65, 'x')));  // without its NUL
  vmcore_.poke(0x1000 + 4 * 65, as_bytes("x86\x1b[2J"));
  const Utsname names = read("SYMBOL(init_uts_ns)=1000\nOFFSET(uts_namespace.name)=0\n");
  EXPECT_EQ(names.nodename, "db1");
  EXPECT_EQ(names.release, "6.1.0-test");
  EXPECT_EQ(names.machine, "x86_64");
}

}  // namespace
}  // namespace kdump
