// The bootloaders that can be told a crashkernel=. Each knows where its command lines are kept, and
// what has to run so that the next boot has them; entries() then reads what the next boot has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/crashkernel/boot_entry.h"
#include "daemon/host/host.h"
#include "makedump/base/result.h"

namespace kdump {

class Bootloader {
 public:
  virtual ~Bootloader() = default;

  // "GRUB by /etc/default/grub", for messages.
  [[nodiscard]] virtual std::string name() const = 0;
  // Entries that boot Linux, in the order of the menu. Never empty. Recovery entries of GRUB that
  // have a command line of their own are left out.
  [[nodiscard]] virtual Result<std::vector<BootEntry>> entries() const = 0;
  // One command line for all kernels: chosen entries cannot be changed alone.
  [[nodiscard]] virtual bool one_for_all() const { return false; }
  // Makes it so for the next boot, and, when `future_too`, for kernels installed later. Success
  // means that everything that was asked for was done; what came of it, entries() tells.
  virtual Result<void> change(const std::vector<BootEntry>& which,
                              const std::vector<ParameterEdit>& edits, bool future_too) = 0;
  // Files that change() would write, or programs it would run, for a dry run.
  [[nodiscard]] virtual std::vector<std::string> what_changes() const = 0;
};

// The one that this host boots with. unsupported, with what was looked for, if there is none that
// is known.
Result<std::unique_ptr<Bootloader>> find_bootloader(const Host& host);

// The makers, each in a file of its own; nothing if this host has no such bootloader.
std::unique_ptr<Bootloader> find_ostree(const Host& host);          // rpm-ostree kargs
std::unique_ptr<Bootloader> find_grubby(const Host& host);          // RHEL, Fedora; s390x with zipl
std::unique_ptr<Bootloader> find_zipl(const Host& host);            // /etc/zipl.conf
std::unique_ptr<Bootloader> find_loader_entries(const Host& host);  // systemd-boot, GRUB's blscfg
std::unique_ptr<Bootloader> find_grub_defaults(const Host& host);   // Debian, SUSE

}  // namespace kdump
