// Which drivers stand between a block device and the CPU, as sysfs of the running kernel shows
// them.
#pragma once

#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct DeviceDrivers {
  std::vector<std::string> modules;  // of the drivers that are bound, nearest to the CPU first
  // Of devices whose driver is part of the running kernel; another kernel may have it as a module.
  std::vector<std::string> aliases;
};

// `kernel_name` is "vda1", "nvme0n1p2"; `sysfs` is /sys but for tests. Follows the device and
// everything above it, and what the kernel knows they depend on (device links: clocks, regulators,
// IOMMUs on boards that have them as modules).
Result<DeviceDrivers> find_device_drivers(const std::string& kernel_name,
                                          const std::string& sysfs = "/sys");

// The same for a device of another class: "net/eth0", "watchdog/watchdog0".
Result<DeviceDrivers> find_class_drivers(const std::string& class_and_name,
                                         const std::string& sysfs = "/sys");

// And for any device in sysfs: "bus/virtio/devices/virtio3".
Result<DeviceDrivers> find_drivers_at(const std::string& below_sysfs,
                                      const std::string& sysfs = "/sys");

// Refuses what userspace has to assemble before it can be mounted (LVM, LUKS, multipath, md, …) and
// what lives in this kernel only (loop, zram).
Result<void> check_plain_device(const std::string& kernel_name, const std::string& sysfs = "/sys");

}  // namespace kdump
