// kdumpctl: the admin's tool. Each group of commands lives in a file of daemon/commands/.
#include <sys/stat.h>

#include "daemon/commands/command.h"
#include "daemon/host/journal.h"
#include "makedump/base/log.h"

int main(int argc, char** argv) {
  using namespace kdump;
  ::umask(0077);  // what is written here holds the host's secrets sooner or later
  if (started_by_kdumpd())
    open_journal("kdump");
  else
    log::open("kdump", log::Where::standard_error);

  Commands commands;
  add_arming_commands(commands);
  add_capture_commands(commands);
  add_status_commands(commands);
  add_show_commands(commands);
  add_test_commands(commands);
  add_target_commands(commands);
  add_config_commands(commands);
  add_crashkernel_commands(commands);
  add_watch_commands(commands);
  return commands.run(argc, argv);
}
