#include "daemon/arm/command_line_host.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// "initial apicid	: 0" of the first processor listed, which is CPU 0; other machines have no
// such line.
std::optional<unsigned> boot_cpu_apic_id(const std::string& cpuinfo) {
  size_t at = cpuinfo.find("initial apicid");
  if (at == std::string::npos) return std::nullopt;
  at = cpuinfo.find(": ", at);
  if (at == std::string::npos) return std::nullopt;
  unsigned id = 0;
  const char* const begin = cpuinfo.data() + at + 2;
  const auto [end, error] = std::from_chars(begin, cpuinfo.data() + cpuinfo.size(), id);
  if (error != std::errc() || end == begin) return std::nullopt;
  return id;
}

// Amazon's own processors are the only ones of theirs that Arm designed.
bool is_graviton(const HostPaths& paths, const std::string& cpuinfo) {
  if (cpuinfo.find("CPU implementer") == std::string::npos) return false;
  const auto vendor = read_text_file(paths.system_vendor());
  return vendor && vendor->starts_with("Amazon EC2");
}

std::vector<std::string> ticking_watchdogs(const HostPaths& paths) {
  std::vector<std::string> modules;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(paths.watchdogs(), error)) {
    const auto state = read_text_file(entry.path() / "state");
    if (!state || !state->starts_with("active")) continue;
    const auto module = fs::read_symlink(entry.path() / "device/driver/module", error);
    if (!error) modules.push_back(module.filename());
  }
  std::ranges::sort(modules);
  modules.erase(std::unique(modules.begin(), modules.end()), modules.end());
  return modules;
}

}  // namespace

Result<CommandLineHost> read_command_line_host(const HostPaths& paths) {
  CommandLineHost host;
  KDUMP_TRY_ASSIGN(host.running, read_text_file(paths.command_line()));
  // An entry a CPU.
  const auto cpuinfo = read_text_file(paths.cpuinfo(), size_t{64} << 20);
  if (cpuinfo) {
    host.boot_cpu_apic_id = boot_cpu_apic_id(*cpuinfo);
    host.irqpoll_harms = is_graviton(paths, *cpuinfo);
  }
  host.watchdog_modules = ticking_watchdogs(paths);
  return host;
}

}  // namespace kdump
