// kdumpctl status showmem
#include "daemon/arm/service.h"
#include "daemon/commands/command.h"

namespace kdump {

void add_status_commands(Commands& commands) {
  commands.add("status", "say whether the host is armed (exit status 0) or not (3)", Access::look,
               report_status);
  commands.add("showmem", "say how much memory is reserved for the crash kernel", Access::look,
               report_reserved_memory);
}

}  // namespace kdump
