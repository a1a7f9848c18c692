// kdumpctl start stop restart reload rebuild, and kdumpd's _refresh and _end
#include <memory>

#include "daemon/arm/service.h"
#include "daemon/commands/command.h"
#include "daemon/status/crash_test.h"

namespace kdump {

namespace {

Action action_of(ArmingState (*service)(const Host&)) {
  return [service](const Host& host) { return service(host).ok ? 0 : 1; };
}

// What a crash test has to do with it, once that worked.
Action then(Action action, void (*after)(const HostPaths&)) {
  return [action = std::move(action), after](const Host& host) {
    const int status = action(host);
    if (status == 0) after(host.paths);
    return status;
  };
}

}  // namespace

void add_arming_commands(Commands& commands) {
  commands.add("start", "arm: build the capture image and load it, unless one is loaded",
               Access::change, then(action_of(start_service), say_known_crash_test));
  commands.add("stop", "disarm: unload the capture image", Access::change, action_of(stop_service));
  commands.add("restart",
               "arm anew, after a change of kdump.conf; the old image stays if the new one fails",
               Access::change, action_of(restart_service));
  commands.add("reload", "load the image that is there again; kdump.conf is not read",
               Access::change, action_of(reload_service));
  commands.add("rebuild", "build the capture image, load nothing", Access::change,
               then(action_of(rebuild_service), forget_crash_test));
  commands.add_hidden("_end", "what systemd runs when it stops kdumpd", Access::change,
                      action_of(end_service));
  const auto hotplug = std::make_shared<bool>(false);
  commands
      .add_hidden(
          "_refresh", "what kdumpd runs when something may have changed", Access::change,
          [hotplug](const Host& host) { return refresh_service(host, *hotplug).ok ? 0 : 1; })
      .add_flag("--hotplug", *hotplug, "memory or CPUs came or went");
}

}  // namespace kdump
