// pstore: memory of the platform's that outlives a reboot (variables of EFI, ACPI's ERST, ramoops).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

// Keeps the end of the dead kernel's log there, where there is such memory. The next kernel shows
// it in /sys/fs/pstore: with CONFIG_PSTORE_PMSG as a record of its own, and at the end of the
// record that the capture kernel leaves of itself when the machine ends.
void keep_in_pstore(std::string_view log);

// Whether ramoops keeps the kernel's log at a reboot too: its parameter max_reason
// (fs/pstore/ram.c), if it is not 0, stands above printk's always_kmsg_dump; -1 is its default,
// crashes alone.
bool keeps_reboots(std::string_view max_reason);

// The last whole lines of `log` that make at most `most` bytes, each as /dev/kmsg takes it and
// without a NUL, in order.
std::vector<std::string> last_lines(std::string_view log, size_t most);

}  // namespace kdump
