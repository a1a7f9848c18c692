// Running a program of the host (grubby, update-grub, …) and hearing what it said.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct ProgramOutput {
  int status = 0;          // exit status; 128 + signal if one killed it, as shells count
  std::string out, error;  // what it wrote to stdout and stderr
};

// Path of `name` in the directories where the host keeps programs (below paths.root); "" if it has
// none.
std::string find_program(const HostPaths& paths, const std::string& name);

// Runs argv[0] (looked up with find_program unless it is a path) with stdin closed, C locale, and
// the host's root as its own. not_found if it is not installed; timed_out (and killed) after
// `limit`. `environment` ("NAME=value") is added to PATH and LC_ALL. A status other than 0 is no
// error here.
Result<ProgramOutput> run_program(const HostPaths& paths, const std::vector<std::string>& argv,
                                  std::chrono::seconds limit,
                                  const std::vector<std::string>& environment = {});

// The same, where anything but status 0 is an error that quotes the program's last words.
Result<std::string> run_program_or_fail(const HostPaths& paths,
                                        const std::vector<std::string>& argv,
                                        std::chrono::seconds limit);

}  // namespace kdump
