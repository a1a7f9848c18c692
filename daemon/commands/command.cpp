#include "daemon/commands/command.h"

#include <cstdio>
#include <unistd.h>

#include "daemon/host/instance_lock.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr int kFailed = 1;
constexpr char kHidden[] = "";  // the group of commands that no text lists

}  // namespace

Commands::Commands() : app_("kdumpctl arms this host to save a crash of its kernel.", "kdumpctl") {
  app_.add_option("--root", root_, "work on the host whose / is DIR; nothing is armed there")
      ->type_name("DIR");
  app_.footer(
      "'kdumpctl help COMMAND' tells the options of one. Configuration: /etc/kdump.conf,\n"
      "/etc/kdump/policy.yaml, /etc/sysconfig/kdump. Messages go to stderr.");
  app_.require_subcommand(1);
}

CLI::App& Commands::add(const std::string& word, const std::string& help, Access access,
                        Action action) {
  CLI::App* command = app_.add_subcommand(word, help);
  command->callback([this, word, access, action = std::move(action)] {
    chosen_ = [this, word, access, action] { return run_action(word, access, action); };
  });
  return *command;
}

CLI::App& Commands::add_hidden(const std::string& word, const std::string& help, Access access,
                               Action action) {
  CLI::App& command = add(word, help, access, std::move(action));
  command.group(kHidden);
  return command;
}

int Commands::print_usage() const {
  std::string words;
  for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; }))
    if (command->get_group() != kHidden) words += command->get_name() + "|";
  log::error("Usage: kdumpctl {" + words + "help}");
  return kFailed;
}

int Commands::run(int argc, const char* const* argv) {
  if (argc == 2 && std::string_view(argv[1]) == "help") {
    std::fputs(app_.help().c_str(), stdout);
    return 0;
  }
  if (argc == 3 && std::string_view(argv[1]) == "help") {
    const auto is_meant = [&](const CLI::App* command) { return command->get_name() == argv[2]; };
    for (const CLI::App* command : app_.get_subcommands(is_meant)) {
      std::fputs(command->help("kdumpctl").c_str(), stdout);
      return 0;
    }
  }
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app_.help().c_str(), stdout);  // of the command that was chosen
    return 0;
  } catch (const CLI::ParseError& error) {
    const auto chosen = app_.get_subcommands();
    if (chosen.empty()) return print_usage();  // as RHEL's: whatever is not known gets the usage
    log::error(chosen.front()->get_name() + ": " + error.what() + "; see 'kdumpctl " +
               chosen.front()->get_name() + " --help'");
    return kFailed;
  }
  return chosen_();
}

int Commands::run_action(const std::string& word, Access access, const Action& action) const {
  auto host = Host::real(root_);
  if (!host) {
    log::error(host.error().message());
    return kFailed;
  }
  if (access == Access::configure) return action(*host);
  // RHEL's kdumpctl asks for the file before anything else, whatever the command.
  if (::access(host->paths.kdump_conf().c_str(), F_OK) != 0) {
    log::error("Error: No kdump config file found! (" + host->paths.kdump_conf() + ")");
    return kFailed;
  }
  if (access != Access::look && ::geteuid() != 0) {
    log::error("'kdumpctl " + word + "' needs root");
    return kFailed;
  }
  if (access == Access::change_unlocked) return action(*host);
  const auto lock = lock_instance(host->paths);
  // Looking needs no lock; who is not root cannot have it.
  if (!lock && access != Access::look) {
    log::error(lock.error().message());
    return kFailed;
  }
  return action(*host);
}

}  // namespace kdump
