// x86_64: kernel image, direct map, and a walk of 4- or 5-level page tables.
#pragma once

#include <memory>

#include "makedump/arch/arch.h"

namespace kdump {

Result<std::unique_ptr<Arch>> make_x86_64(const Source& source, const VmcoreInfo& info);

}  // namespace kdump
