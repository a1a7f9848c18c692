// kdumpctl: the admin's tool. Reads its arguments, takes the lock, calls one action of service.h.
#include <cstdio>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "daemon/host.h"
#include "daemon/instance_lock.h"
#include "daemon/service.h"
#include "makedump/base/log.h"

namespace {

using namespace kdump;

constexpr int kFailed = 1;

struct Command {
  std::string_view word;
  std::string_view help;
  bool changes_host;  // and so needs root
  int (*run)(const Host&);
};

int done(const ServiceState& state) {
  return state.ok ? 0 : kFailed;
}

constexpr Command kCommands[] = {
    {"start", "arm: build the capture image and load it, unless one is loaded", true,
     [](const Host& host) { return done(start_service(host)); }},
    {"stop", "disarm: unload the capture image", true,
     [](const Host& host) { return done(stop_service(host)); }},
    {"restart", "arm anew, after a change of kdump.conf; the old image stays if the new one fails",
     true, [](const Host& host) { return done(restart_service(host)); }},
    {"reload", "load the image that is there again; kdump.conf is not read", true,
     [](const Host& host) { return done(reload_service(host)); }},
    {"status", "say whether the host is armed (exit status 0) or not (3)", false, report_status},
    {"rebuild", "build the capture image, load nothing", true,
     [](const Host& host) { return done(rebuild_service(host)); }},
    {"showmem", "say how much memory is reserved for the crash kernel", false,
     report_reserved_memory},
};

int print_usage() {
  std::string words;
  for (const Command& command : kCommands) {
    words += command.word;
    words += '|';
  }
  log::error("Usage: kdumpctl {" + words + "help}");
  return kFailed;
}

int print_help() {
  std::printf(
      "kdumpctl arms this host to save a crash of its kernel.\n\n"
      "Usage: kdumpctl COMMAND\n\n");
  for (const Command& command : kCommands)
    std::printf("  %-9s %.*s\n", std::string(command.word).c_str(),
                static_cast<int>(command.help.size()), command.help.data());
  std::printf(
      "  help      print this\n\n"
      "  --root DIR before the command looks at the host whose / is DIR, and changes nothing.\n\n"
      "Configuration: /etc/kdump.conf. Messages go to stderr.\n");
  return 0;
}

int run_command(const Command& command, const std::string& root) {
  auto host = Host::real(root);
  if (!host) {
    log::error(host.error().message());
    return kFailed;
  }
  // RHEL's kdumpctl asks for the file before anything else, whatever the command.
  if (::access(host->paths.kdump_conf().c_str(), F_OK) != 0) {
    log::error("Error: No kdump config file found! (" + host->paths.kdump_conf() + ")");
    return kFailed;
  }
  if (command.changes_host && ::geteuid() != 0) {
    log::error("'kdumpctl " + std::string(command.word) + "' needs root");
    return kFailed;
  }
  const auto lock = lock_instance(host->paths);
  // Looking needs no lock; who is not root cannot have it.
  if (!lock && command.changes_host) {
    log::error(lock.error().message());
    return kFailed;
  }
  return command.run(*host);
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(0077);  // what is written here holds the host's secrets sooner or later
  log::open("kdump", log::Where::standard_error);
  std::vector<std::string_view> arguments(argv + 1, argv + argc);
  std::string root;
  if (arguments.size() >= 2 && arguments[0] == "--root") {
    root = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  if (arguments.size() != 1) return print_usage();
  const std::string_view word = arguments.front();
  if (word == "help" || word == "--help" || word == "-h") return print_help();
  for (const Command& command : kCommands)
    if (command.word == word) return run_command(command, root);
  return print_usage();
}
