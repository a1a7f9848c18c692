// kdumpctl status showmem
#include <cstdio>
#include <memory>

#include "daemon/arm/service.h"
#include "daemon/commands/command.h"
#include "daemon/status/crash_test.h"
#include "daemon/status/host_status.h"

namespace kdump {

namespace {

struct StatusOptions {
  bool verbose = false;
  bool json = false;
};

constexpr int kOperational = 0, kCannotTell = 1, kNotOperational = 3;

int status(const Host& host, const StatusOptions& options) {
  if (!options.verbose && !options.json) {
    const int result = report_status(host);
    if (result != kCannotTell) say_crash_test(host.paths);
    return result;
  }
  const HostStatus found = look_at_host(host);
  (void)std::fputs((options.json ? status_json(found) : status_text(found)).c_str(), stdout);
  if (!found.operational) return kCannotTell;
  return *found.operational ? kOperational : kNotOperational;
}

}  // namespace

void add_status_commands(Commands& commands) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App& command =
      commands.add("status", "say whether the host is armed (exit status 0) or not (3)",
                   Access::look, [options](const Host& host) { return status(host, *options); });
  CLI::Option* verbose = command.add_flag(
      "-v,--verbose", options->verbose, "all that matters: why, image, memory, targets, captures");
  command.add_flag("--json", options->json, "the same for programs")->excludes(verbose);
  commands.add("showmem", "say how much memory is reserved for the crash kernel", Access::look,
               report_reserved_memory);
}

}  // namespace kdump
