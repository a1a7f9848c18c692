// kdumpctl reset-crashkernel: the bootloader is told the default crashkernel=, and asked afterwards
// whether the next boot really has it. Each function logs what it did and returns an exit status,
// with the words of RHEL's kdumpctl where it has some.
#pragma once

#include <string>

#include "daemon/host/host.h"

namespace kdump {

struct ResetOptions {
  std::string kernel{};  // a path, ALL, DEFAULT; "": KDUMP_KERNELVER, or the running kernel
  std::string fadump{};  // on, off, nocma; "": as each entry has it
  bool reboot = false;
  bool dry_run = false;  // says what would be done
};

int reset_crashkernel(const Host& host, const ResetOptions& options);

// For package scripts and kernel-install: entries whose value RHEL set once by itself get the
// default of now. Nothing is done, and 0 returned, where the service is not enabled or kdump.conf
// says auto_reset_crashkernel no; a value that somebody chose stays.
int reset_crashkernel_after_update(const Host& host);
int reset_crashkernel_for_installed_kernel(const Host& host, const std::string& release);

}  // namespace kdump
