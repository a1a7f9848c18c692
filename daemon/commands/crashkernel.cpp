// kdumpctl get-default-crashkernel estimate reset-crashkernel setup-crypttab, and what package
// scripts and kernel-install call
#include <algorithm>
#include <cstdio>
#include <memory>
#include <unistd.h>

#include "daemon/arm/service.h"
#include "daemon/captures/remote_captures.h"
#include "daemon/commands/command.h"
#include "daemon/crashkernel/crypttab.h"
#include "daemon/crashkernel/defaults.h"
#include "daemon/crashkernel/need.h"
#include "daemon/crashkernel/reset.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

int print_default(const Host& host, const std::string& word) {
  const DumpMode mode = word == "fadump"  ? DumpMode::fadump
                        : word == "kdump" ? DumpMode::kdump
                                          : running_dump_mode(host.paths);
  const auto value =
      default_crashkernel(read_crashkernel_facts(host, capture_kernel_release(host)), mode);
  if (!value) {
    log::error(value.error().message());
    return 1;
  }
  std::fputs(value->c_str(), stdout);  // no newline, as RHEL's: scripts put it on a command line
  return 0;
}

void add_get_default(Commands& commands) {
  const auto mode = std::make_shared<std::string>();
  commands
      .add("get-default-crashkernel", "print the crashkernel= value that RHEL sets by default",
           Access::look, [mode](const Host& host) { return print_default(host, *mode); })
      .add_option("mode", *mode, "for kdump or for fadump; as the running kernel has it by default")
      ->check(CLI::IsMember({"kdump", "fadump"}));
}

void add_reset(Commands& commands) {
  const auto options = std::make_shared<ResetOptions>();
  CLI::App& command = commands.add(
      "reset-crashkernel", "set crashkernel= to its default in the bootloader", Access::change,
      [options](const Host& host) { return reset_crashkernel(host, *options); });
  command.add_option("--kernel", options->kernel,
                     "a kernel's path, ALL or DEFAULT; the one that captures if not given");
  command.add_option("--fadump", options->fadump, "on, off or nocma (ppc64le)");
  command.add_flag("--dry-run", options->dry_run, "say what would change, change nothing");
  command.add_flag("--reboot", options->reboot, "reboot afterwards (deprecated)");

  commands.add_hidden("_reset-crashkernel-after-update", "for package scripts", Access::change,
                      reset_crashkernel_after_update);
  const auto release = std::make_shared<std::string>();
  commands
      .add_hidden("_reset-crashkernel-for-installed_kernel", "for kernel-install", Access::change,
                  [release](const Host& host) {
                    return reset_crashkernel_for_installed_kernel(host, *release);
                  })
      .add_option("release", *release, "of the kernel")
      ->required();
}

uint64_t mib(uint64_t bytes) {
  return div_round_up(bytes, uint64_t{1} << 20);
}

void print_line(const std::string& what, uint64_t bytes) {
  constexpr int kColumn = 25;  // as RHEL's
  std::printf("%-*s%lluM\n", kColumn, (what + ":").c_str(),
              static_cast<unsigned long long>(mib(bytes)));
}

// First RHEL's lines, then what is known of this host.
void print_estimate(const MemoryNeed& need, const RhelEstimate& rhel) {
  constexpr uint64_t kLarge = uint64_t{1} << 20;
  print_line("Reserved crashkernel", need.reserved);
  print_line("Recommended crashkernel", rhel.recommended);
  std::puts("");
  print_line("Kernel image size", rhel.kernel);
  print_line("Kernel modules size", rhel.modules);
  print_line("Initramfs size", rhel.image);
  print_line("Runtime reservation", rhel.runtime);
  if (rhel.luks != 0) print_line("LUKS required size", rhel.luks);
  std::printf("Large modules:%s\n",
              std::none_of(need.modules.begin(), need.modules.end(),
                           [](const auto& module) { return module.bytes >= kLarge; })
                  ? " <none>"
                  : "");
  for (const MemoryNeed::Module& module : need.modules)
    if (module.bytes >= kLarge)
      std::printf("    %s: %llu\n", module.name.c_str(),
                  static_cast<unsigned long long>(module.bytes));
  if (mib(need.reserved) < mib(rhel.recommended))
    std::printf("WARNING: Current crashkernel size is lower than recommended size %lluM.\n",
                static_cast<unsigned long long>(mib(rhel.recommended)));

  std::puts("");
  std::printf("This host's capture image: %s\n", need.describe().c_str());
  if (need.measured_in.empty())
    std::puts("Measured: nothing yet, no capture of this host has told what it took");
  else
    std::printf("Measured in capture %s: makedump took %s at most%s\n", need.measured_in.c_str(),
                human_bytes(need.peak).c_str(),
                need.left == 0 ? "" : (", " + human_bytes(need.left) + " were never used").c_str());
  const uint64_t enough = need.needed + rhel.luks;
  if (need.reserved < enough)
    std::printf("WARNING: %lluM are reserved, this host's capture image needs %lluM.\n",
                static_cast<unsigned long long>(need.reserved >> 20),
                static_cast<unsigned long long>(mib(enough)));
  else if (mib(need.reserved) < mib(rhel.recommended))
    std::puts(
        "The recommended size has room for a dracut image; what is reserved is enough for the "
        "image of this host.");
}

int estimate(const Host& host) {
  const auto fail = [](const Error& error) {
    log::error(error.message());
    return 1;
  };
  const auto loaded = load_settings(host.paths.config_files());
  if (!loaded) return fail(loaded.error());
  // It is what the figures are about.
  if (::access(host.paths.image(configured_release(host)).c_str(), F_OK) != 0 &&
      !rebuild_service(host).ok)
    return 1;
  std::vector<std::string> problems;
  const auto captures = find_all_captures(host.paths, loaded->settings, problems);
  for (const std::string& problem : problems)
    log::warning(problem);
  const auto need = needed_memory(host, captures);
  if (!need) return fail(need.error());
  const auto rhel = rhel_estimate(host, *need, loaded->settings);
  if (!rhel) return fail(rhel.error());
  print_estimate(*need, *rhel);
  return 0;
}

}  // namespace

void add_crashkernel_commands(Commands& commands) {
  add_get_default(commands);
  commands.add("estimate", "estimate how much memory to reserve, and say what captures took",
               Access::change, estimate);
  commands.add("setup-crypttab",
               "have the keys of encrypted targets left where the capture kernel gets them",
               Access::change, setup_crypttab);
  add_reset(commands);
}

}  // namespace kdump
