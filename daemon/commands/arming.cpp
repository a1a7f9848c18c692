// kdumpctl start stop restart reload rebuild, and kdumpd's _refresh
#include <ctime>

#include "daemon/arm/arming_state.h"
#include "daemon/arm/service.h"
#include "daemon/commands/command.h"
#include "daemon/status/crash_test.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

// What came of it is left where status and kdumpd find it.
Action action_of(const char* word, ServiceState (*service)(const Host&)) {
  return [word, service](const Host& host) {
    const ServiceState done = service(host);
    ArmingState state;
    state.at = ::time(nullptr);
    state.action = word;
    state.ok = done.ok;
    state.armed = done.armed;
    state.summary = done.summary;
    if (!done.ok) state.reason = done.summary;
    if (done.ok && done.armed == Armed::yes) state.holding.loaded_at = state.at;
    if (auto written = write_arming_state(host.paths, state); !written)
      log::warning(written.error().message());
    return done.ok ? 0 : 1;
  };
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
               Access::change, then(action_of("start", start_service), say_known_crash_test));
  commands.add("stop", "disarm: unload the capture image", Access::change,
               action_of("stop", stop_service));
  commands.add("restart",
               "arm anew, after a change of kdump.conf; the old image stays if the new one fails",
               Access::change, action_of("restart", restart_service));
  commands.add("reload", "load the image that is there again; kdump.conf is not read",
               Access::change, action_of("reload", reload_service));
  commands.add("rebuild", "build the capture image, load nothing", Access::change,
               then(action_of("rebuild", rebuild_service), forget_crash_test));
  CLI::App& refresh =
      commands.add_hidden("_refresh", "what kdumpd runs when something may have changed",
                          Access::change, action_of("refresh", restart_service));
  refresh.add_flag("--hotplug");  // memory or CPUs came or went
}

}  // namespace kdump
