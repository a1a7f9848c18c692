// kdumpctl show
#include "daemon/status/show.h"

#include <cstdio>
#include <memory>

#include "daemon/commands/command.h"

namespace kdump {

void add_show_commands(Commands& commands) {
  const auto json = std::make_shared<bool>(false);
  CLI::App& show = commands.add(
      "show", "show what would boot after a crash, with which command line, and where dumps go",
      Access::look, [json](const Host& host) {
        const Shown shown = show_arming(host);
        (void)std::fputs((*json ? shown.json : shown.text).c_str(), stdout);
        return shown.ok ? 0 : 1;
      });
  show.add_flag("--json", *json, "for programs");
}

}  // namespace kdump
