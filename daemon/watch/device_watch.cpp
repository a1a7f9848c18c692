#include "daemon/watch/device_watch.h"

#include <algorithm>
#include <array>
#include <systemd/sd-device.h>

#include "daemon/arm/kexec.h"

namespace kdump {

namespace {

void drop_monitor(sd_device_monitor* monitor) {
  sd_device_monitor_unref(monitor);
}

std::string property(sd_device* device, const char* name) {
  const char* value = nullptr;
  return sd_device_get_property_value(device, name, &value) < 0 ? "" : value;
}

DeviceEvent event_of(sd_device* device) {
  // The kernel puts it into what somebody had it tell again, since kernel commit f36776fafbaa.
  DeviceEvent event{.subsystem = property(device, "SUBSYSTEM"),
                    .action = property(device, "ACTION"),
                    .told_again = !property(device, "SYNTH_UUID").empty(),
                    .names = {}};
  if (event.subsystem != "block") return event;
  if (std::string name = property(device, "DEVNAME"); !name.empty()) event.names.push_back(name);
  for (const char* link = sd_device_get_devlink_first(device); link != nullptr;
       link = sd_device_get_devlink_next(device))
    event.names.emplace_back(link);
  // What kdump.conf and fstab call a device by, and where udev has it.
  constexpr std::array<std::array<const char*, 2>, 4> kTags = {
      {{"UUID=", "ID_FS_UUID"},
       {"LABEL=", "ID_FS_LABEL"},
       {"PARTUUID=", "ID_PART_ENTRY_UUID"},
       {"PARTLABEL=", "ID_PART_ENTRY_NAME"}}};
  for (const auto& [tag, name] : kTags)
    if (const std::string value = property(device, name); !value.empty())
      event.names.push_back(tag + value);
  return event;
}

}  // namespace

Work work_for(const DeviceEvent& event, const WatchList& list, const HostPaths& paths) {
  const auto is = [&event](const char* action) { return event.action == action; };
  // Memory counts when it is in use. A CPU counts when it is there: its notes are saved wherever it
  // is switched on later.
  const bool hotplug = (event.subsystem == "memory" && (is("online") || is("offline"))) ||
                       (event.subsystem == "cpu" && (is("add") || is("remove")));
  // Each boot has udev tell of every CPU that is there. A load for that would leave the host
  // without an image for its time, when the machine is busiest.
  if (hotplug && event.told_again) return {};
  if (hotplug) return {.hotplug = !kernel_updates_hotplug(paths, event.subsystem)};
  if (event.subsystem == "net") return {.refresh = list.network};
  if (event.subsystem != "block") return {};
  return {.refresh = std::ranges::any_of(event.names, [&list](const std::string& name) {
            return std::ranges::find(list.devices, name) != list.devices.end();
          })};
}

Result<DeviceWatch> DeviceWatch::open(const EventLoop& loop,
                                      std::function<void(const DeviceEvent&)> call) {
  DeviceWatch watch;
  watch.state_ = std::make_unique<State>();
  watch.state_->call = std::move(call);
  const auto failed = [](int error) { return Error::from_errno("watching devices", -error); };
  sd_device_monitor* monitor = nullptr;
  if (const int error = sd_device_monitor_new(&monitor); error < 0) return failed(error);
  watch.state_->monitor = {monitor, drop_monitor};
  // The kernel filters by these: other devices do not wake anybody.
  for (const char* subsystem : {"memory", "cpu", "block", "net"})
    if (const int error =
            sd_device_monitor_filter_add_match_subsystem_devtype(monitor, subsystem, nullptr);
        error < 0)
      return failed(error);
  if (const int error = sd_device_monitor_attach_event(monitor, loop.get()); error < 0)
    return failed(error);
  const int error = sd_device_monitor_start(
      monitor,
      [](sd_device_monitor* /*monitor*/, sd_device* device, void* data) {
        static_cast<State*>(data)->call(event_of(device));
        return 0;
      },
      watch.state_.get());
  if (error < 0) return failed(error);
  return watch;
}

}  // namespace kdump
