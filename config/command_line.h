// The command line of the capture kernel, made from the running kernel's: some parameters go, some
// are added, and the rest (console=, for one) stays as it is.
//
// The defaults are those of RHEL's /etc/sysconfig/kdump, so that a host that moves here boots its
// capture kernel with the same words as before.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

// What the admin may change, in the words of /etc/sysconfig/kdump.
struct CommandLineSettings {
  std::string base;  // KDUMP_COMMANDLINE: instead of the running kernel's; "" for that one
  // KDUMP_COMMANDLINE_REMOVE: names, which take the parameter out whatever its value, or
  // name=value, which takes out that one only; separated by blanks
  std::string remove;
  std::string append;  // KDUMP_COMMANDLINE_APPEND
};

// RHEL's defaults for a machine as uname(2) calls it; unsupported where there are none.
Result<CommandLineSettings> default_command_line_settings(std::string_view machine);

// What the host itself adds.
struct CommandLineHost {
  std::string running;  // /proc/cmdline
  // x86: initial APIC id of CPU 0. The capture kernel runs on whichever CPU crashed and must leave
  // the boot CPU alone: an INIT sent to it would reset the machine.
  std::optional<unsigned> boot_cpu_apic_id;
  std::vector<std::string> watchdog_modules;  // of watchdogs that are ticking now
  // AWS Graviton: irqpoll may make the hypervisor take devices away again.
  bool irqpoll_harms = false;
};

std::string capture_command_line(const CommandLineSettings& settings, const CommandLineHost& host);

// Splits as the kernel does: at blanks outside double quotes.
std::vector<std::string> split_parameters(std::string_view command_line);

// Takes every parameter out that is called one of `names`, with or without a value, or that is
// one of them with its value. The kernel reads - and _ in names as the same letter, and so does
// this.
void remove_parameters(std::vector<std::string>& parameters, const std::vector<std::string>& names);

// `limit` is cmdline_size of the kernel image's setup header. The running kernel puts elfcorehdr=
// in front of what we give it, and refuses the whole load when both do not fit.
Result<void> check_command_line_length(std::string_view command_line, size_t limit);

}  // namespace kdump
