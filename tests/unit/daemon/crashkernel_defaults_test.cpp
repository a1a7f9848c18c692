#include <gtest/gtest.h>

#include "daemon/crashkernel/defaults.h"
#include "daemon/crashkernel/parameter.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

std::string default_of(const CrashkernelFacts& facts, DumpMode mode = DumpMode::kdump) {
  const auto value = default_crashkernel(facts, mode);
  if (!value) return value.error().message();
  EXPECT_TRUE(parse_crashkernel(*value)) << *value;
  return *value;
}

TEST(CrashkernelDefaults, are_those_of_rhel) {
  EXPECT_EQ(default_of({"x86_64"}), "2G-64G:256M,64G-:512M");
  EXPECT_EQ(default_of({"s390x"}), "2G-64G:256M,64G-:512M");
  EXPECT_EQ(default_of({.machine = "x86_64", .memory_encryption = true}), "2G-64G:320M,64G-:576M");
  EXPECT_EQ(default_of({"aarch64"}), "2G-4G:256M,4G-64G:320M,64G-:576M");
  // The smallest machines are left as they are.
  EXPECT_EQ(default_of({.machine = "aarch64", .mlx5 = true}), "2G-4G:256M,4G-64G:470M,64G-:726M");
  EXPECT_EQ(default_of({.machine = "aarch64", .smmu = true}), "2G-4G:256M,4G-64G:320M,64G-:576M");
  EXPECT_EQ(default_of({.machine = "aarch64", .pages_64k = true}),
            "2G-4G:256M,4G-64G:420M,64G-:676M");
  EXPECT_EQ(default_of({.machine = "aarch64", .pages_64k = true, .smmu = true}),
            "2G-4G:256M,4G-64G:804M,64G-:1060M");
  EXPECT_EQ(default_of({.machine = "aarch64", .pages_64k = true, .smmu = true, .mlx5 = true}),
            "2G-4G:256M,4G-64G:1004M,64G-:1260M");
  EXPECT_EQ(default_of({"ppc64le"}), "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G");
  EXPECT_EQ(default_of({"ppc64le"}, DumpMode::fadump),
            "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,"
            "16T-32T:64G,32T-64T:128G,64T-:180G");
  EXPECT_EQ(default_of({"x86_64"}, DumpMode::fadump), "2G-64G:256M,64G-:512M");
  EXPECT_EQ(
      default_of({"riscv64"}),
      "no default crashkernel= is known for riscv64: 'kdumpctl estimate' tells what this host "
      "needs");
}

TEST(CrashkernelDefaults, what_rhel_once_set_is_known) {
  for (const char* value : {"auto", "1G-4G:192M,4G-64G:256M,64G-:512M", "2G-64G:256M,64G-:512M",
                            "1G-4G:256M,4G-64G:320M,64G-:576M", "2G-64G:320M,64G-:576M"})
    EXPECT_TRUE(was_default_crashkernel("x86_64", value)) << value;
  for (const char* value : {"2G-:448M", "2G-4G:256M,4G-64G:420M,64G-:676M"})
    EXPECT_TRUE(was_default_crashkernel("aarch64", value)) << value;
  for (const char* value :
       {"", "256M", "2G-:448M", "1G-4G:192M,4G-64G:256M,64G-:513M", "384M-:128M"})
    EXPECT_FALSE(was_default_crashkernel("x86_64", value)) << value;
}

TEST(CrashkernelDefaults, what_moves_them_is_read_from_the_host) {
  FakeHost fake;
  EXPECT_FALSE(read_crashkernel_facts(fake.host, kRelease).memory_encryption);
  fake.write("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sme sev sev_es\n");
  EXPECT_FALSE(read_crashkernel_facts(fake.host, kRelease).memory_encryption);  // can, does not
  fake.write("/dev/kmsg", "6,1,2,-;Memory Encryption Features active: AMD SEV SEV-ES\n");
  EXPECT_TRUE(read_crashkernel_facts(fake.host, kRelease).memory_encryption);
  fake.write("/dev/kmsg", "6,1,2,-;Memory Encryption Features active: Intel TDX\n7,2,3,-;SEV\n");
  EXPECT_FALSE(read_crashkernel_facts(fake.host, kRelease).memory_encryption);

  fake.host.machine = "aarch64";
  EXPECT_FALSE(read_crashkernel_facts(fake.host, kRelease).mlx5);
  fake.make_directory("/sys/bus/pci/drivers/mlx5_core");
  fake.make_directory("/sys/devices/platform/arm-smmu-v3.0.auto");
  const CrashkernelFacts facts = read_crashkernel_facts(fake.host, "6.12.0-1.el10.aarch64+64k");
  EXPECT_TRUE(facts.mlx5 && facts.smmu && facts.pages_64k);
}

TEST(CrashkernelDefaults, memory_is_counted_as_the_kernel_counts_it) {
  FakeHost fake;
  fake.write("/proc/iomem",
             "00001000-0009fbff : System RAM\n"
             "00100000-7fffffff : System RAM\n"
             "  2a000000-35ffffff : Crash kernel\n"
             "100000000-17fffffff : System RAM\n");
  auto ram = system_ram(fake.host.paths);
  ASSERT_TRUE(ram);
  EXPECT_EQ(*ram, 0x9ec00u + 0x7ff00000u + 0x80000000u);

  // As somebody who is not root sees it.
  fake.write("/proc/iomem", "00000000-00000000 : System RAM\n");
  fake.write("/proc/meminfo", "MemTotal:        8127700 kB\nMemFree: 1 kB\n");
  ram = system_ram(fake.host.paths);
  ASSERT_TRUE(ram);
  EXPECT_EQ(*ram, uint64_t{8127700} * 1024);
  fake.write("/proc/meminfo", "MemFree: 1 kB\n");
  EXPECT_FALSE(system_ram(fake.host.paths));
}

TEST(CrashkernelDefaults, fadump_is_asked_of_the_kernel) {
  FakeHost fake;
  EXPECT_EQ(running_dump_mode(fake.host.paths), DumpMode::kdump);
  fake.write("/sys/kernel/fadump_enabled", "1\n");
  EXPECT_EQ(running_dump_mode(fake.host.paths), DumpMode::fadump);
  fake.write("/sys/kernel/fadump/enabled", "0\n");
  EXPECT_EQ(running_dump_mode(fake.host.paths), DumpMode::fadump);
}

}  // namespace
}  // namespace kdump
