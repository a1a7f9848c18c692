// Devices that come, go and change, as udev tells them when it is done with them; and what that
// means for what is loaded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/host/host_paths.h"
#include "daemon/watch/event_loop.h"
#include "daemon/watch/throttle.h"
#include "daemon/watch/watch_list.h"
#include "makedump/base/result.h"

struct sd_device_monitor;

namespace kdump {

struct DeviceEvent {
  std::string subsystem;  // memory, cpu, block, net
  std::string action;     // add, remove, change, online, offline, …
  // Nothing came or went: `udevadm trigger` asked for the event, as it does for all devices at
  // boot.
  bool told_again = false;
  // Only of block devices: every name that a target's device could be called by, "/dev/sda1",
  // "/dev/disk/by-id/…", "UUID=…", "LABEL=…", "PARTUUID=…", "PARTLABEL=…".
  std::vector<std::string> names;
};

// What `event` asks for. Reads sysfs: since 6.6 (kernel commit 247262756121) the kernel itself can
// keep what it tells the crash kernel up to date, and says so in crash_hotplug.
Work work_for(const DeviceEvent& event, const WatchList& list, const HostPaths& paths);

class DeviceWatch {
 public:
  // Hears nothing where udev does not run.
  static Result<DeviceWatch> open(const EventLoop& loop,
                                  std::function<void(const DeviceEvent&)> call);

 private:
  struct State {
    std::function<void(const DeviceEvent&)> call;
    std::unique_ptr<sd_device_monitor, void (*)(sd_device_monitor*)> monitor{nullptr, nullptr};
  };
  std::unique_ptr<State> state_;  // on the heap, because sd-device keeps the address
};

}  // namespace kdump
