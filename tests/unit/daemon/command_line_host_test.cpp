#include "daemon/arm/command_line_host.h"

#include <gmock/gmock.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

struct Machine {
  const char* cpuinfo;
  const char* vendor;
  std::optional<unsigned> apic_id;
  bool irqpoll_harms;
};

const Machine kMachines[] = {
    {"processor\t: 0\napicid\t\t: 4\ninitial apicid\t: 4\n\nprocessor\t: 1\ninitial apicid\t: 0\n",
     "Amazon EC2\n", 4, false},
    {"processor\t: 0\nCPU implementer\t: 0x41\n", "Amazon EC2\n", std::nullopt, true},
    {"processor\t: 0\nCPU implementer\t: 0x41\n", "Ampere\n", std::nullopt, false},
    {"processor\t: 0\nCPU implementer\t: 0x41\n", nullptr, std::nullopt, false},
    {"vendor_id : IBM/S390\n", nullptr, std::nullopt, false},
};

TEST(CommandLineHost, ProcessorsAndVendors) {
  for (const Machine& machine : kMachines) {
    SCOPED_TRACE(machine.cpuinfo);
    const TempDir root;
    root.write("proc/cmdline", "ro\n");
    root.write("proc/cpuinfo", machine.cpuinfo);
    if (machine.vendor != nullptr) root.write("sys/class/dmi/id/sys_vendor", machine.vendor);
    HostPaths paths;
    paths.root = root.path();
    const auto host = read_command_line_host(paths);
    ASSERT_TRUE(host);
    EXPECT_EQ(host->boot_cpu_apic_id, machine.apic_id);
    EXPECT_EQ(host->irqpoll_harms, machine.irqpoll_harms);
  }
}

}  // namespace
}  // namespace kdump
