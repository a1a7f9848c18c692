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
std::optional<unsigned> boot_cpu_apic_id(const HostPaths& paths) {
  const auto text = read_text_file(paths.cpuinfo(), size_t{64} << 20);
  if (!text) return std::nullopt;
  size_t at = text->find("initial apicid");
  if (at == std::string::npos) return std::nullopt;
  at = text->find(": ", at);
  if (at == std::string::npos) return std::nullopt;
  unsigned id = 0;
  const char* const begin = text->data() + at + 2;
  const auto [end, error] = std::from_chars(begin, text->data() + text->size(), id);
  if (error != std::errc() || end == begin) return std::nullopt;
  return id;
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
  host.boot_cpu_apic_id = boot_cpu_apic_id(paths);
  host.watchdog_modules = ticking_watchdogs(paths);
  return host;
}

}  // namespace kdump
