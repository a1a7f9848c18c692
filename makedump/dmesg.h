// The kernel log of the dead kernel: the rung of the ladder that needs least (no page array, no
// filter).
#pragma once

#include <functional>
#include <string_view>

#include "makedump/kernel/vmcoreinfo.h"
#include "makedump/memory/address_space.h"

namespace kdump {

// Hands the log to `emit` line by line (each ends in '\n'), oldest first, as `dmesg` prints it.
// From the lockless ring buffer (5.10) or printk_log records (3.5). bad_input when there is no log
// or it makes no sense; what was emitted before stands.
Result<void> extract_dmesg(AddressSpace& memory, const VmcoreInfo& info,
                           const std::function<Result<void>(std::string_view line)>& emit);

}  // namespace kdump
