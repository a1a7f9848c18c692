#include "makedump/kernel/vmcoreinfo.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::HasSubstr;

const std::string kLeast = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";

VmcoreInfo parse(const std::string& more) {
  auto info = VmcoreInfo::parse(kLeast + more, "/x/vmcore: VMCOREINFO at 0x1300");
  EXPECT_TRUE(info) << info.error().message();
  return std::move(*info);
}

TEST(VmcoreInfo, ReadsEveryKindOfNumber) {
  const VmcoreInfo info = parse(
      "SYMBOL(_stext)=ffffffff9e600000\nSYMBOL(prefixed)=0x10\nSIZE(page)=64\n"
      "OFFSET(page._mapcount)=48\nLENGTH(mem_section)=262144\nNUMBER(phys_base)=-262144000\n"
      "NUMBER(VMALLOC_START)=0xff724c0c00000000\nNUMBER(PG_lru)=5\nKERNELOFFSET=1d600000\n");
  EXPECT_EQ(info.symbol("_stext"), VirtAddr(0xffffffff9e600000));
  EXPECT_EQ(info.symbol("prefixed"), VirtAddr(0x10));
  EXPECT_EQ(info.size("page"), 64U);
  EXPECT_EQ(info.offset("page._mapcount"), 48U);
  EXPECT_EQ(info.length("mem_section"), 262144U);
  EXPECT_EQ(info.number("phys_base"), -262144000);
  EXPECT_EQ(info.number("PG_lru"), 5);
  EXPECT_EQ(static_cast<uint64_t>(*info.number("VMALLOC_START")), 0xff724c0c00000000U);
  EXPECT_EQ(info.value("KERNELOFFSET"), "1d600000");
  EXPECT_EQ(info.osrelease(), "6.1.0-test");
  EXPECT_EQ(info.page_size().bytes(), 4096U);
  EXPECT_FALSE(info.symbol("prb"));
  EXPECT_FALSE(info.size("_stext"));
}

TEST(VmcoreInfo, ToleratesGarbageAroundItsLines) {
  const VmcoreInfo info = parse(
      "\n\nno pair\n=nameless\nSIZE(page)=64\nSIZE(page)=128\nSIZE(zone)=\nSIZE(list_head)=16x\n"
      "SIZE(huge)=99999999999999999999\nNUMBER(none)=-\nOFFSET(cut)=1" +
      std::string("\0SIZE(behind_the_end)=8\n", 24));
  EXPECT_EQ(info.size("page"), 64U);  // the first one holds
  EXPECT_EQ(info.offset("cut"), 1U);
  for (const char* name : {"zone", "list_head", "huge", "behind_the_end"})
    EXPECT_FALSE(info.size(name)) << name;
  EXPECT_FALSE(info.number("none"));
}

TEST(VmcoreInfo, RequiredKeysAreNamed) {
  const VmcoreInfo info = parse("SIZE(page)=many\n");
  EXPECT_EQ(info.require_size("zone").error().message(),
            "/x/vmcore: VMCOREINFO at 0x1300: no SIZE(zone)");
  EXPECT_EQ(info.require_size("page").error().message(),
            "/x/vmcore: VMCOREINFO at 0x1300: SIZE(page) is \"many\"");
  EXPECT_EQ(info.require_symbol("prb").error().code(), Errc::bad_input);
  EXPECT_THAT(info.require_offset("a.b").error().message(), HasSubstr("no OFFSET(a.b)"));
  EXPECT_THAT(info.require_number("n").error().message(), HasSubstr("no NUMBER(n)"));
}

TEST(VmcoreInfo, RefusesWhatNobodyCouldUse) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "no OSRELEASE"},
      {std::string("\0OSRELEASE=6\n", 13), "no OSRELEASE"},
      {"OSRELEASE=6.1\n", "no PAGESIZE"},
      {"OSRELEASE=\nPAGESIZE=4096\n", "OSRELEASE is \"\""},
      {"OSRELEASE=6\x1b[2J\nPAGESIZE=4096\n", "OSRELEASE is \"6?[2J\""},
      {"OSRELEASE=" + std::string(65, '6') + "\nPAGESIZE=4096\n", "OSRELEASE is \"666"},
      {"OSRELEASE=6\nPAGESIZE=0\n", "PAGESIZE is \"0\""},
      {"OSRELEASE=6\nPAGESIZE=4097\n", "PAGESIZE is \"4097\""},
      {"OSRELEASE=6\nPAGESIZE=2048\n", "PAGESIZE is \"2048\""},
      {"OSRELEASE=6\nPAGESIZE=524288\n", "PAGESIZE is \"524288\""},
      {"OSRELEASE=6\nPAGESIZE=-4096\n", "PAGESIZE is \"-4096\""},
      {std::string(70000, 'x'), "68.4 KiB are more than the 64.0 KiB"},
  };
  for (const auto& c : cases) {
    const auto info = VmcoreInfo::parse(c.text, "/x/vmcore: VMCOREINFO");
    ASSERT_FALSE(info) << c.message;
    EXPECT_EQ(info.error().code(), Errc::bad_input);
    EXPECT_THAT(info.error().message(), HasSubstr("/x/vmcore: VMCOREINFO: " + c.message));
  }
}

}  // namespace
}  // namespace kdump
