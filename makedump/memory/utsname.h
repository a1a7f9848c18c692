// What `uname` said on the dead machine.
#pragma once

#include "makedump/format/diskdump.h"
#include "makedump/memory/address_space.h"

namespace kdump {

// From init_uts_ns; a field that can't be read, or that is no text, is filled from VMCOREINFO and
// the machine, as readers of dumps want none of sysname, release, version and machine empty. Never
// an error.
Utsname read_utsname(AddressSpace& memory, const VmcoreInfo& info);

}  // namespace kdump
