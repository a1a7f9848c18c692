// One kdumpctl or kdumpd at a time: flock on the file that RHEL's kdumpctl locks as well.
#pragma once

#include "daemon/host/host_paths.h"
#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

// Held as long as the result lives. Waits as long as it takes, and says so every five seconds.
Result<Fd> lock_instance(const HostPaths& paths);

}  // namespace kdump
