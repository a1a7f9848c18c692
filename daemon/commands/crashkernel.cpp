// kdumpctl get-default-crashkernel estimate reset-crashkernel setup-crypttab, and what package
// scripts and kernel-install call
#include <cstdio>
#include <memory>

#include "daemon/commands/command.h"
#include "daemon/crashkernel/defaults.h"
#include "daemon/crashkernel/reset.h"
#include "makedump/base/log.h"

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

}  // namespace

void add_crashkernel_commands(Commands& commands) {
  add_get_default(commands);
  add_reset(commands);
}

}  // namespace kdump
