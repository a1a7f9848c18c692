#include "config/command_line.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::ElementsAre;

struct Removal {
  const char* line;
  std::vector<std::string> names;
  std::vector<std::string> left;
};

const Removal kRemovals[] = {
    {"ro quiet", {"quiet"}, {"ro"}},
    {"quiet=1 quiet", {"quiet"}, {}},
    // exact names
    {"quietly xquiet quiet.x=1", {"quiet"}, {"quietly", "xquiet", "quiet.x=1"}},
    {"rd.lvm.lv=a/b rd.lvm.lv=a/c rd.lvm=0", {"rd.lvm.lv"}, {"rd.lvm=0"}},
    {"rdxlvm.lv=a", {"rd.lvm.lv"}, {"rdxlvm.lv=a"}},
    // every one of them
    {"console=tty0 root=/dev/vda root=/dev/vdb console=ttyS0",
     {"root"},
     {"console=tty0", "console=ttyS0"}},
    // - and _ are one letter in names, and not in values
    {"panic-on-warn=1 log-buf-len=1M", {"panic_on_warn", "log_buf_len"}, {}},
    {"a=log_buf_len", {"log_buf_len"}, {"a=log_buf_len"}},
    // quotes
    {"dyndbg=\"file a +p; root=x\" root=\"LABEL=my disk\" ro",
     {"root"},
     {"dyndbg=\"file a +p; root=x\"", "ro"}},
    {"\"root=my disk\" ro", {"root"}, {"ro"}},
    {"\"x root=1\" ro", {"root"}, {"\"x root=1\"", "ro"}},
    {"ro \"unbalanced root=1", {"root"}, {"ro", "\"unbalanced root=1\""}},
    {" \t ro\n", {}, {"ro"}},
    // a name with its value is that one only
    {"console=tty0 console=ttyS0 console", {"console=ttyS0"}, {"console=tty0", "console"}},
    {"a-b=\"c d\" \"a_b=c\"", {"a_b=c"}, {"a-b=\"c d\""}},
    {"mem=1 mem= mem", {"mem="}, {"mem=1", "mem"}},
    {"", {"root"}, {}},
};

TEST(CommandLine, RemovesExactNames) {
  for (const Removal& removal : kRemovals) {
    SCOPED_TRACE(removal.line);
    auto parameters = split_parameters(removal.line);
    remove_parameters(parameters, removal.names);
    EXPECT_EQ(parameters, removal.left);
  }
}

CommandLineHost running(std::string line) {
  return {std::move(line), std::nullopt, {}};
}

std::string edited(const std::string& line) {
  return capture_command_line({"", "hugepages quiet", "nr_cpus=1 panic=10"}, running(line));
}

TEST(CommandLine, AlwaysRemoved) {
  for (const char* name :
       {"crashkernel", "panic_on_warn", "root", "rd.lvm.lv", "rd.lvm.vg", "rd.luks.uuid",
        "rd.luks.name", "rd.luks.key", "rd.luks.options", "luks.uuid", "luks.name", "luks.key",
        "luks.options", "rd.dm.uuid", "rd.md.uuid", "fcoe", "netroot", "rd.iscsi.initiator",
        "iscsi_initiator"})
    EXPECT_EQ(edited("ro " + std::string(name) + "=x console=ttyS0"),
              "ro console=ttyS0 nr_cpus=1 panic=10 rd.systemd.gpt_auto=no")
        << name;
}

TEST(CommandLine, OptionsWithEmptyValuesGo) {
  EXPECT_EQ(edited("ro a= b=\"\" \"c=\" d=e= console=ttyS0\n"),
            "ro d=e= console=ttyS0 nr_cpus=1 panic=10 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, ArgumentsOfInitGo) {
  EXPECT_EQ(edited("ro -- single"), "ro nr_cpus=1 panic=10 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, BaseReplacesTheRunningOne) {
  EXPECT_EQ(capture_command_line({"console=ttyS1 crashkernel=1", "", ""}, running("ro root=x")),
            "console=ttyS1 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, DebianHostAsAWhole) {
  const auto settings = default_command_line_settings("x86_64");
  ASSERT_TRUE(settings);
  const CommandLineHost host{
      "BOOT_IMAGE=/boot/vmlinuz-6.1.0-56-amd64 root=UUID=0b7a ro quiet crashkernel=256M "
      "console=tty0 console=ttyS0,115200 hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=64\n",
      0,
      {"hpwdt", "iTCO_wdt"}};
  EXPECT_EQ(capture_command_line(*settings, host),
            "BOOT_IMAGE=/boot/vmlinuz-6.1.0-56-amd64 ro console=tty0 console=ttyS0,115200 "
            "novmcoredd hugetlb_cma=0 kfence.sample_interval=0 initramfs_options=size=90% irqpoll "
            "nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 "
            "panic=10 acpi_no_memhotplug transparent_hugepage=never nokaslr hest_disable cma=0 "
            "pcie_ports=compat initcall_blacklist=tracer_init_tracefs cryptomgr.notests "
            "noreplace-smp disable_cpu_apicid=0 "
            "hpwdt.pretimeout=0 hpwdt.kdumptimeout=0 iTCO_wdt.pretimeout=0 "
            "rd.systemd.gpt_auto=no");
}

TEST(CommandLine, DefaultRemovals) {
  const auto settings = default_command_line_settings("x86_64");
  ASSERT_TRUE(settings);
  EXPECT_THAT(split_parameters(settings->remove),
              ElementsAre("hugepages", "hugepagesz", "slub_debug", "quiet", "log_buf_len",
                          "swiotlb", "hugetlb_cma", "ignition.firstboot", "cma"));
}

struct Machine {
  const char* machine;
  const char* removes;  // of what only it removes
  const char* line;     // from "ro quiet swiotlb=force cma=64M root=x"
};

const Machine kMachines[] = {
    {"aarch64", "",
     "ro irqpoll nr_cpus=1 reset_devices cgroup_disable=memory udev.children-max=2 panic=10 "
     "swiotlb=noforce novmcoredd cma=0 hugetlb_cma=0 rd.systemd.gpt_auto=no"},
    {"ppc64le", "",
     "ro cma=64M irqpoll nr_cpus=16 noirqdistrib reset_devices cgroup_disable=memory numa=off "
     "udev.children-max=2 ehea.use_mcs=0 panic=10 kvm_cma_resv_ratio=0 transparent_hugepage=never "
     "novmcoredd hugetlb_cma=0 rd.systemd.gpt_auto=no"},
    {"s390x", "vmcp_cma=4M prot_virt=1 zfcp.allow_lun_scan=0",
     "ro nr_cpus=1 cgroup_disable=memory numa=off udev.children-max=2 panic=10 "
     "transparent_hugepage=never novmcoredd vmcp_cma=0 cma=0 hugetlb_cma=0 "
     "rd.systemd.gpt_auto=no"},
};

TEST(CommandLine, OtherMachines) {
  for (const Machine& machine : kMachines) {
    SCOPED_TRACE(machine.machine);
    const auto settings = default_command_line_settings(machine.machine);
    ASSERT_TRUE(settings);
    const std::string base =
        "ro quiet swiotlb=force cma=64M root=x " + std::string(machine.removes);
    EXPECT_EQ(capture_command_line(*settings, running(base)), machine.line);
  }
}

TEST(CommandLine, NoIrqpollOnGraviton) {
  CommandLineHost host = running("ro irqpoll");
  host.irqpoll_harms = true;
  EXPECT_EQ(capture_command_line({"", "", "irqpoll nr_cpus=1"}, host),
            "ro nr_cpus=1 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, EmptyWordsOfTheAdmin) {
  EXPECT_EQ(capture_command_line({"", "", ""}, running("ro quiet hugepages=4")),
            "ro quiet hugepages=4 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, QuotesThatTheAdminAppends) {
  EXPECT_EQ(capture_command_line({"", "", "dyndbg=\"file x +p\"\npanic=5"}, running("ro")),
            "ro dyndbg=\"file x +p\" panic=5 rd.systemd.gpt_auto=no");
}

TEST(CommandLine, UnknownMachine) {
  const auto settings = default_command_line_settings("m68k");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message(), "no capture command line is known for this machine (m68k)");
}

TEST(CommandLine, LengthCountsWhatTheKernelPutsInFront) {
  // x86's cmdline_size is 2047; 30 bytes are for elfcorehdr=, one for the NUL.
  EXPECT_TRUE(check_command_line_length(std::string(2016, 'x'), 2047));
  const auto refused = check_command_line_length(std::string(2017, 'x'), 2047);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "the capture kernel's command line is 2017 bytes long, and the kernel takes 2016; "
            "shorten the running kernel's command line, on which it is based");
  EXPECT_FALSE(check_command_line_length("x", 31));
  EXPECT_FALSE(check_command_line_length("x", 0));
}

}  // namespace
}  // namespace kdump
