#include "daemon/crashkernel/bootloader.h"

namespace kdump {

Result<std::unique_ptr<Bootloader>> find_bootloader(const Host& host) {
  // An ostree host has loader entries and grubby, too, which must be left alone there; grubby knows
  // more about RHEL's GRUB than its files tell.
  for (const auto find :
       {find_ostree, find_grubby, find_zipl, find_loader_entries, find_grub_defaults})
    if (auto found = find(host)) return found;
  return Error(Errc::unsupported,
               "no bootloader that kdumpctl can change: there is no rpm-ostree, no grubby, no "
               "loader/entries in /boot or /efi, no /etc/zipl.conf and no /etc/default/grub with a "
               "grub.cfg; add crashkernel= to the kernel's command line by hand");
}

}  // namespace kdump
