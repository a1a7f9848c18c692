#include "daemon/crashkernel/defaults.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <unistd.h>

#include "config/sysconfig.h"
#include "daemon/crashkernel/parameter.h"
#include "daemon/host/iomem.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kPages4k = 4096;

// A table of RHEL's, and to how many of its ranges, counted from the first, nothing is added: the
// smallest machines have no memory to spare.
struct Table {
  std::string_view machine;
  std::string_view value;
  size_t fixed_ranges = 0;
};

// RHEL 10 and Fedora.
constexpr std::array<Table, 4> kTables = {{
    {"x86_64", "2G-64G:256M,64G-:512M"},
    {"s390x", "2G-64G:256M,64G-:512M"},
    {"aarch64", "2G-4G:256M,4G-64G:320M,64G-:576M", 1},
    {"ppc64le", "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"},
}};

constexpr std::string_view kFadumpTable =
    "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,"
    "16T-32T:64G,32T-64T:128G,64T-:180G";

// What RHEL 8 (the table behind its "auto", which some tools spelled out) and RHEL 9 set.
constexpr std::array<Table, 9> kOldTables = {{
    {"x86_64", "1G-4G:192M,4G-64G:256M,64G-:512M"},
    {"x86_64", "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M"},
    {"s390x", "1G-4G:192M,4G-64G:256M,64G-:512M"},
    {"s390x", "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M"},
    {"aarch64", "1G-4G:256M,4G-64G:320M,64G-:576M"},
    {"aarch64", "1G-4G:256M,4G-64G:320M,64G-:576M", 1},
    {"aarch64", "2G-4G:256M,4G-64G:320M,64G-:576M"},
    {"aarch64", "2G-:448M"},
    {"ppc64le", "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"},
}};

// What is added to each range.
uint64_t extra(const CrashkernelFacts& facts) {
  if (facts.machine == "x86_64") return facts.memory_encryption ? 64 * kMiB : 0;
  if (facts.machine != "aarch64") return 0;
  if (!facts.pages_64k) return facts.mlx5 ? 150 * kMiB : 0;
  return (100 + (facts.smmu ? 384 : 0) + (facts.mlx5 ? 200 : 0)) * kMiB;
}

Result<std::string> widened(const Table& table, uint64_t bytes) {
  KDUMP_TRY_ASSIGN(CrashkernelValue value, parse_crashkernel(table.value));
  for (size_t i = table.fixed_ranges; i < value.ranges.size(); ++i)
    value.ranges[i].size += bytes;
  return to_string(value);
}

// Everything that this architecture's defaults have ever been widened by.
std::vector<uint64_t> all_extras(const std::string& machine) {
  std::vector<uint64_t> extras;
  for (unsigned bits = 0; bits < 16; ++bits) {
    const CrashkernelFacts facts{machine, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0,
                                 (bits & 8) != 0};
    extras.push_back(extra(facts));
  }
  return extras;
}

bool any_of(std::span<const Table> tables, const std::string& machine, const std::string& value) {
  for (const Table& table : tables) {
    if (table.machine != machine) continue;
    for (const uint64_t bytes : all_extras(machine)) {
      const auto text = widened(table, bytes);
      if (text && *text == value) return true;
    }
  }
  return false;
}

// The kernel says so once, early: "Memory Encryption Features active: AMD SEV SEV-ES". Its ring
// buffer may have lost that since.
bool kernel_log_says_encrypted(const std::string& file) {
  const auto log = open_file(file, O_RDONLY | O_NONBLOCK);
  if (!log) return false;
  std::array<char, 8192> record{};
  for (;;) {
    const ssize_t n = ::read(log->get(), record.data(), record.size());
    if (n < 0 && (errno == EPIPE || errno == EINTR)) continue;  // overwritten before it was read
    if (n <= 0) return false;
    const std::string_view text(record.data(), static_cast<size_t>(n));
    const size_t at = text.find("Memory Encryption Features active");
    if (at == std::string_view::npos) continue;
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    return line.find("SME") != std::string_view::npos || line.find("SEV") != std::string_view::npos;
  }
}

bool cpu_has_flag(const HostPaths& paths, std::string_view flag) {
  const auto text = read_text_file(paths.cpuinfo(), 64 * kMiB);
  if (!text) return false;
  const size_t begin = text->find("\nflags");
  if (begin == std::string::npos) return false;
  const std::string line = text->substr(begin, text->find('\n', begin + 1) - begin) + " ";
  return line.find(" " + std::string(flag) + " ") != std::string::npos;
}

bool memory_encrypted(const HostPaths& paths) {
  // Of the CPU; whether the kernel uses it, its log says.
  if (!cpu_has_flag(paths, "sme") && !cpu_has_flag(paths, "sev")) return false;
  return kernel_log_says_encrypted(paths.kernel_log());
}

bool has_smmu(const HostPaths& paths) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(paths.platform_devices(), failed))
    if (entry.path().filename().string().starts_with("arm-smmu-")) return true;
  return false;
}

bool has_64k_pages(const Host& host, const std::string& release) {
  if (release.find("64k") != std::string::npos) return true;
  return release == host.release && static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) > kPages4k;
}

}  // namespace

std::string capture_kernel_release(const Host& host) {
  const auto sysconfig = load_sysconfig(host.paths.sysconfig());
  if (sysconfig && !sysconfig->kernel_release.empty()) return sysconfig->kernel_release;
  return host.release;
}

CrashkernelFacts read_crashkernel_facts(const Host& host, const std::string& release) {
  CrashkernelFacts facts;
  facts.machine = host.machine;
  if (facts.machine == "x86_64") facts.memory_encryption = memory_encrypted(host.paths);
  if (facts.machine == "aarch64") {
    facts.pages_64k = has_64k_pages(host, release);
    facts.smmu = has_smmu(host.paths);
    facts.mlx5 = ::access(host.paths.pci_driver("mlx5_core").c_str(), F_OK) == 0;
  }
  return facts;
}

Result<std::string> default_crashkernel(const CrashkernelFacts& facts, DumpMode mode) {
  if (mode == DumpMode::fadump && facts.machine == "ppc64le") return std::string(kFadumpTable);
  const auto* const table =
      std::find_if(kTables.begin(), kTables.end(),
                   [&](const Table& candidate) { return candidate.machine == facts.machine; });
  if (table == kTables.end())
    return Error(Errc::unsupported, "no default crashkernel= is known for " + facts.machine +
                                        ": 'kdumpctl estimate' tells what this host needs");
  return widened(*table, extra(facts));
}

bool was_default_crashkernel(const std::string& machine, const std::string& value) {
  if (value == "auto") return true;
  if (machine == "ppc64le" && value == kFadumpTable) return true;
  return any_of(kTables, machine, value) || any_of(kOldTables, machine, value);
}

DumpMode running_dump_mode(const HostPaths& paths) {
  // Since 5.11 in a directory of their own.
  for (const char* name : {"/fadump/enabled", "/fadump_enabled"}) {
    const auto text = read_text_file(paths.sys_kernel() + name);
    if (text && text->starts_with('1')) return DumpMode::fadump;
  }
  return DumpMode::kdump;
}

Result<uint64_t> system_ram(const HostPaths& paths) {
  uint64_t bytes = 0;
  for (const PhysRange& region : iomem_regions(paths, "System RAM"))
    bytes += region.size();
  if (bytes != 0) return bytes;
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(paths.meminfo()));
  constexpr std::string_view kKey = "MemTotal:";
  const size_t at = text.find(kKey);
  uint64_t kib = 0;
  if (at != std::string::npos) {
    const size_t digits = text.find_first_of("0123456789", at);
    if (digits != std::string::npos)
      (void)std::from_chars(text.data() + digits, text.data() + text.size(), kib);
  }
  if (kib == 0) return Error(Errc::bad_input, paths.meminfo() + ": tells no MemTotal");
  return kib * 1024;
}

}  // namespace kdump
