// kdumpctl start stop restart reload rebuild
#include "daemon/arm/service.h"
#include "daemon/commands/command.h"

namespace kdump {

namespace {

Action action_of(ServiceState (*service)(const Host&)) {
  return [service](const Host& host) { return service(host).ok ? 0 : 1; };
}

}  // namespace

void add_arming_commands(Commands& commands) {
  commands.add("start", "arm: build the capture image and load it, unless one is loaded",
               Access::change, action_of(start_service));
  commands.add("stop", "disarm: unload the capture image", Access::change, action_of(stop_service));
  commands.add("restart",
               "arm anew, after a change of kdump.conf; the old image stays if the new one fails",
               Access::change, action_of(restart_service));
  commands.add("reload", "load the image that is there again; kdump.conf is not read",
               Access::change, action_of(reload_service));
  commands.add("rebuild", "build the capture image, load nothing", Access::change,
               action_of(rebuild_service));
}

}  // namespace kdump
