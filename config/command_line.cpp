#include "config/command_line.h"

#include <algorithm>

namespace kdump {

namespace {

// They belong to the running system's own root, or would reserve and panic once more. What is left
// of a LUKS volume there would be asked for a passphrase that nobody is there to type.
const std::vector<std::string> kAlwaysRemoved = {
    "crashkernel",
    "panic_on_warn",
    "root",
    "rd.lvm.lv",
    "rd.lvm.vg",
    "rd.luks.uuid",
    "rd.luks.name",
    "rd.luks.key",
    "rd.luks.options",
    "luks.uuid",
    "luks.name",
    "luks.key",
    "luks.options",
    "rd.dm.uuid",
    "rd.md.uuid",
    "fcoe",
    "netroot",
    "rd.iscsi.initiator",
    "iscsi_initiator",
};

// Ours; a kernel that does not have the function or the parameter passes the word over.
// tracer_init_tracefs: a file in tracefs for each of the kernel's thousands of trace events is
// memory that nobody in a capture kernel looks at: 8.5 MiB of inodes and directory entries in 6.1,
// which pins them; less since 6.6. The other two are time: the tests of all ciphers at boot (made
// all the same in FIPS mode), and the patching of every LOCK prefix in the kernel's code because
// there is one CPU.
#define KDUMP_SPARES_MEMORY_AND_TIME \
  " initcall_blacklist=tracer_init_tracefs cryptomgr.notests noreplace-smp"

// RHEL's /etc/sysconfig/kdump on each machine it is for, and ours where it was measured.
struct Defaults {
  std::string_view machine, remove, append;
};
constexpr Defaults kDefaults[] = {
    {"x86_64",
     "hugepages hugepagesz slub_debug quiet log_buf_len swiotlb hugetlb_cma ignition.firstboot cma",
     "novmcoredd hugetlb_cma=0 kfence.sample_interval=0 initramfs_options=size=90% irqpoll "
     "nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 panic=10 "
     "acpi_no_memhotplug transparent_hugepage=never nokaslr hest_disable cma=0 "
     "pcie_ports=compat" KDUMP_SPARES_MEMORY_AND_TIME},
    {"aarch64",
     "hugepages hugepagesz slub_debug quiet log_buf_len swiotlb hugetlb_cma ignition.firstboot cma",
     "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory udev.children-max=2 panic=10 "
     "swiotlb=noforce novmcoredd cma=0 hugetlb_cma=0"},
    {"ppc64le",
     "hugepages hugepagesz slub_debug quiet log_buf_len swiotlb hugetlb_cma ignition.firstboot",
     "irqpoll nr_cpus=16 noirqdistrib reset_devices cgroup_disable=memory numa=off "
     "udev.children-max=2 ehea.use_mcs=0 panic=10 kvm_cma_resv_ratio=0 transparent_hugepage=never "
     "novmcoredd hugetlb_cma=0"},
    {"s390x",
     "hugepages hugepagesz slub_debug quiet log_buf_len swiotlb vmcp_cma cma hugetlb_cma prot_virt "
     "ignition.firstboot zfcp.allow_lun_scan",
     "nr_cpus=1 cgroup_disable=memory numa=off udev.children-max=2 panic=10 "
     "transparent_hugepage=never novmcoredd vmcp_cma=0 cma=0 hugetlb_cma=0"},
};

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// `"name=a b"` and `name="a b"` are both called name.
std::string_view name_of(std::string_view parameter) {
  if (parameter.starts_with('"')) parameter.remove_prefix(1);
  const size_t end = parameter.find_first_of("=\"");
  return parameter.substr(0, end);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](char x, char y) { return (x == '-' ? '_' : x) == (y == '-' ? '_' : y); });
}

bool has_empty_value(std::string_view parameter) {
  std::string bare(parameter);
  std::erase(bare, '"');
  return bare.ends_with('=') && bare.find('=') == bare.size() - 1;
}

// `wanted` is a name, or a name with its value.
bool is_called(std::string_view parameter, std::string_view wanted) {
  const std::string_view name = name_of(wanted);
  if (!same_name(name_of(parameter), name)) return false;
  if (wanted.size() == name.size()) return true;
  std::string bare(parameter);
  std::erase(bare, '"');
  return std::string_view(bare).substr(std::min(name.size(), bare.size())) ==
         wanted.substr(name.size());
}

}  // namespace

Result<CommandLineSettings> default_command_line_settings(std::string_view machine) {
  for (const Defaults& defaults : kDefaults)
    if (defaults.machine == machine)
      return CommandLineSettings{"", std::string(defaults.remove), std::string(defaults.append)};
  return Error(Errc::unsupported,
               "no capture command line is known for this machine (" + std::string(machine) + ")");
}

std::vector<std::string> split_parameters(std::string_view command_line) {
  std::vector<std::string> parameters;
  std::string current;
  bool in_quotes = false;
  for (const char c : command_line) {
    if (c == '"') in_quotes = !in_quotes;
    if (is_blank(c) && !in_quotes) {
      if (!current.empty()) parameters.push_back(std::exchange(current, {}));
    } else {
      current += c;
    }
  }
  // A quote that is left open would swallow all that is appended.
  if (in_quotes) current += '"';
  if (!current.empty()) parameters.push_back(std::move(current));
  return parameters;
}

void remove_parameters(std::vector<std::string>& parameters,
                       const std::vector<std::string>& names) {
  std::erase_if(parameters, [&](const std::string& parameter) {
    return std::ranges::any_of(names,
                               [&](const std::string& name) { return is_called(parameter, name); });
  });
}

std::string capture_command_line(const CommandLineSettings& settings, const CommandLineHost& host) {
  std::vector<std::string> parameters =
      split_parameters(settings.base.empty() ? host.running : settings.base);
  // What follows "--" is the running system's init's; what we append must not end up there.
  parameters.erase(std::ranges::find(parameters, "--"), parameters.end());
  remove_parameters(parameters, kAlwaysRemoved);
  remove_parameters(parameters, split_parameters(settings.remove));
  std::erase_if(parameters, has_empty_value);

  std::ranges::move(split_parameters(settings.append), std::back_inserter(parameters));
  if (host.boot_cpu_apic_id)
    parameters.push_back("disable_cpu_apicid=" + std::to_string(*host.boot_cpu_apic_id));
  for (const std::string& module : host.watchdog_modules) {
    // A pretimeout is an NMI that would panic the capture kernel in the middle of the dump.
    parameters.push_back(module + ".pretimeout=0");
    if (module == "hpwdt") parameters.push_back("hpwdt.kdumptimeout=0");
  }
  if (host.irqpoll_harms) remove_parameters(parameters, {"irqpoll"});
  // systemd must not mount what it finds on the disk's GPT.
  parameters.emplace_back("rd.systemd.gpt_auto=no");

  std::string line;
  for (const std::string& parameter : parameters) {
    if (!line.empty()) line += ' ';
    line += parameter;
  }
  return line;
}

Result<void> check_command_line_length(std::string_view command_line, size_t limit) {
  // x86's loader keeps 30 bytes for "elfcorehdr=0x… " and counts the NUL.
  constexpr size_t kPrepended = 30;
  const size_t room = limit > kPrepended + 1 ? limit - kPrepended - 1 : 0;
  if (command_line.size() <= room) return {};
  return Error(Errc::usage,
               "the capture kernel's command line is " + std::to_string(command_line.size()) +
                   " bytes long, and the kernel takes " + std::to_string(room) +
                   "; shorten the running kernel's command line, on which it is based");
}

}  // namespace kdump
