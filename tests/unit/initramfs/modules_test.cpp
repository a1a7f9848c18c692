#include "initramfs/image/modules.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <unistd.h>

#include "initramfs/image/module_file.h"
#include "makedump/base/bytes.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

constexpr char kRelease[] = "6.1.0-test";

// A tree that the system's own depmod has indexed:
//   disk → bus → core;  fs → journal, soft: checksum;  checksum: two providers of one alias
//   ring-a ⇄ ring-b: soft dependencies in a circle;  builtin: part of the kernel
class ModuleTree : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_tool("depmod") || !have_tool("cc"))
      GTEST_SKIP() << "needs depmod (kmod) and a C compiler to make a module tree";
    module("core", "", "core_symbol", "");
    module("nic", "firmware=nic/a.fw;firmware=nic/b.fw", "", "", "drivers/");
    module("bus", "alias=pci:v00001AF4d*", "bus_symbol", "core_symbol");
    module("disk", "", "", "bus_symbol");
    module("journal", "", "journal_symbol", "");
    module("sum_fast", "alias=checksum", "", "");
    module("sum_generic", "alias=checksum", "", "");
    module("thefs", "alias=fs-thefs;softdep=pre: checksum missing_one", "", "journal_symbol");
    module("ring_a", "softdep=pre: ring_b", "", "");
    module("ring_b", "softdep=pre: ring_a", "", "");
    module("late", "softdep=post: core", "", "");
    tree_.write(base() + "modules.order", "");
    tree_.write(base() + "modules.builtin", "kernel/builtin.ko\n");
    tree_.write(base() + "modules.builtin.modinfo", std::string("builtin.alias=fs-builtin\0", 25));
    tree_.write("etc/modprobe.d/test.conf", "options disk depth=4 name=x\nblacklist sum_fast\n");
    ASSERT_TRUE(run_tool("depmod -b " + tree_.path() + " " + kRelease));
  }

  static std::string base() { return std::string("lib/modules/") + kRelease + "/"; }

  // What depmod reads of a module: .modinfo, exported names, undefined names.
  void module(const std::string& name, const std::string& info, const std::string& exports,
              const std::string& needs, const std::string& folder = "") {
    std::string text = ".section .modinfo,\"a\"\n.asciz \"name=" + name + "\"\n";
    for (size_t at = 0; at < info.size();) {
      const size_t end = std::min(info.find(';', at), info.size());
      text += ".asciz \"" + info.substr(at, end - at) + "\"\n";
      at = end + 1;
    }
    if (!exports.empty())
      text += ".section __ksymtab_strings,\"a\"\n.asciz \"" + exports +
              "\"\n.data\n.globl __ksymtab_" + exports + "\n__ksymtab_" + exports + ": .quad 0\n" +
              ".globl " + exports + "\n" + exports + ": .quad 0\n";
    if (!needs.empty()) text += ".data\n.quad " + needs + "\n";
    tree_.write("src/" + name + ".s", text);
    std::filesystem::create_directories(tree_.path(base() + "kernel/" + folder));
    ASSERT_TRUE(run_tool("cc -c -o " + tree_.path(base() + "kernel/" + folder + name + ".ko") +
                         " " + tree_.path("src/" + name + ".s")));
  }

  ModuleResolver resolver() {
    auto opened = ModuleResolver::open(kRelease, tree_.path());
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(opened).value();
  }

  static std::vector<std::string> names(const ModuleResolver& resolver) {
    std::vector<std::string> list;
    for (const KernelModule& module : resolver.modules())
      list.push_back(module.name);
    return list;
  }

  TempDir tree_;
};

using Names = std::vector<std::string>;

TEST_F(ModuleTree, DependenciesComeFirst) {
  auto modules = resolver();
  EXPECT_EQ(modules.add("disk").value(), ModuleResolver::Match::module);
  EXPECT_EQ(names(modules), (Names{"core", "bus", "disk"}));
}

TEST_F(ModuleTree, EachModuleOnce) {
  auto modules = resolver();
  for (const char* name : {"bus", "disk", "core", "disk"})
    ASSERT_TRUE(modules.add(name));
  EXPECT_EQ(names(modules), (Names{"core", "bus", "disk"}));
}

TEST_F(ModuleTree, AliasesAreFollowed) {
  auto modules = resolver();
  EXPECT_EQ(modules.add("pci:v00001AF4d00001001").value(), ModuleResolver::Match::module);
  EXPECT_EQ(names(modules), (Names{"core", "bus"}));
}

TEST_F(ModuleTree, SoftDependenciesComeFirstAndMayBeMissing) {
  auto modules = resolver();
  ASSERT_TRUE(modules.add("fs-thefs"));
  Names list = names(modules);
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list.back(), "thefs");
  std::sort(list.begin(), list.end());
  EXPECT_EQ(list, (Names{"journal", "sum_fast", "sum_generic", "thefs"}));
}

TEST_F(ModuleTree, PostSoftDependenciesComeAfterwards) {
  auto modules = resolver();
  ASSERT_TRUE(modules.add("late"));
  EXPECT_EQ(names(modules), (Names{"late", "core"}));
}

TEST_F(ModuleTree, ACircleEnds) {
  auto modules = resolver();
  ASSERT_TRUE(modules.add("ring_a"));
  EXPECT_EQ(names(modules), (Names{"ring_b", "ring_a"}));
}

TEST_F(ModuleTree, BuiltInNeedsNothing) {
  auto modules = resolver();
  EXPECT_EQ(modules.add("builtin").value(), ModuleResolver::Match::built_in);
  EXPECT_TRUE(modules.modules().empty());
}

TEST_F(ModuleTree, UnknownIsTold) {
  auto modules = resolver();
  EXPECT_EQ(modules.add("fs-nosuch").value(), ModuleResolver::Match::none);
}

TEST_F(ModuleTree, OptionsComeAlong) {
  auto modules = resolver();
  ASSERT_TRUE(modules.add("disk"));
  EXPECT_EQ(modules.modules().back().options, "depth=4 name=x");
  EXPECT_EQ(modules.modules().back().path, tree_.path(base() + "kernel/disk.ko"));
}

TEST(Modules, AMissingTreeIsNamed) {
  const TempDir dir;
  const auto opened = ModuleResolver::open("1.2.3", dir.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::not_found);
  EXPECT_NE(opened.error().message().find("lib/modules/1.2.3"), std::string::npos);
}

TEST(ModuleFile, UnpacksWhatDistributionsPack) {
  const TempDir dir;
  std::string content = "\177ELF";
  for (int i = 0; i < 50000; ++i)
    content += std::to_string(i);
  const std::string file = dir.write("m.ko", content);
  const auto plain = read_module_file(file);
  ASSERT_TRUE(plain);
  EXPECT_EQ(as_text(*plain), content);
  struct Packer {
    const char* tool;
    const char* ending;
  };
  for (const Packer& packer :
       {Packer{"xz", ".xz"}, Packer{"zstd -q", ".zst"}, Packer{"gzip", ".gz"}}) {
    if (!run_tool(std::string(packer.tool) + " -k " + file)) continue;  // not installed
    const auto unpacked = read_module_file(file + packer.ending);
    ASSERT_TRUE(unpacked) << unpacked.error().message();
    EXPECT_EQ(as_text(*unpacked), content) << packer.tool;
    EXPECT_EQ(unpacked_name(file + packer.ending), file);

    std::ifstream in(file + packer.ending, std::ios::binary);
    const std::string packed((std::istreambuf_iterator<char>(in)), {});
    for (const size_t length :
         {size_t{0}, size_t{3}, size_t{10}, packed.size() / 2, packed.size() - 1}) {
      const auto cut = read_module_file(
          dir.write(std::string("cut.ko") + packer.ending, packed.substr(0, length)));
      EXPECT_FALSE(cut) << packer.tool << " " << length;
    }
  }
}

TEST_F(ModuleTree, DriversSayWhatFirmwareTheyAskFor) {
  ModuleResolver modules = resolver();
  ASSERT_TRUE(modules.add("nic"));
  EXPECT_EQ(modules.modules().front().firmware, (std::vector<std::string>{"nic/a.fw", "nic/b.fw"}));
}

}  // namespace
}  // namespace kdump
