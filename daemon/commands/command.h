// What kdumpctl can be asked to do: each file of this folder adds its commands, kdumpctl_main.cpp
// lists the files.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "daemon/host/host.h"

namespace kdump {

enum class Access {
  configure,  // for everybody, without the lock, and on hosts that have no kdump.conf yet
  look,       // for everybody; takes the lock when it can
  change,     // needs root and the lock
  // Needs root, and takes the lock itself where it must: for what waits for a person or a network.
  change_unlocked,
};

// Returns the exit status.
using Action = std::function<int(const Host&)>;

class Commands {
 public:
  Commands();

  // The result takes the command's own options; `action` finds their values where they were bound
  // (a shared_ptr to a struct of options, captured).
  CLI::App& add(const std::string& word, const std::string& help, Access access, Action action);
  // Not in the usage and help texts.
  CLI::App& add_hidden(const std::string& word, const std::string& help, Access access,
                       Action action);

  int run(int argc, const char* const* argv);

 private:
  int run_action(const std::string& word, Access access, const Action& action) const;
  [[nodiscard]] int print_usage() const;

  CLI::App app_;
  std::string root_;
  std::function<int()> chosen_;
};

void add_arming_commands(Commands& commands);   // start stop restart reload rebuild
void add_capture_commands(Commands& commands);  // list prune _after-crash
void add_config_commands(Commands& commands);   // config check, show, import
// get-default-crashkernel estimate reset-crashkernel setup-crypttab
void add_crashkernel_commands(Commands& commands);
void add_show_commands(Commands& commands);    // show
void add_status_commands(Commands& commands);  // status showmem
void add_target_commands(Commands& commands);  // propagate _prove
void add_test_commands(Commands& commands);    // test
void add_watch_commands(Commands& commands);   // _watch

}  // namespace kdump
