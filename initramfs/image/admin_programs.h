// Programs of the admin's that go into the capture image: hooks, extra_bins, and what those need in
// turn. What a script calls cannot be known, so a script brings a toolbox along: busybox with all
// its applets where the host has one, else the common programs of the host.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

struct AdminProgram {
  std::string source;      // on this host
  std::string image_path;  // in the image
  std::string origin;      // who asks for it: "/etc/kdump.conf:3: kdump_pre", for messages
};

// What the settings and the hook directories below `root` ask for. Adds to `warnings` what lies in
// those directories and cannot be run.
std::vector<AdminProgram> admin_programs(const LoadedSettings& loaded, const std::string& root,
                                         std::vector<std::string>& warnings);

struct AdminFile {
  std::string source, image_path;
  bool script = false;  // else a program that has shared libraries, maybe
};

// All files of `programs` with the interpreters of scripts, and with what an interactive shell
// takes if `shell` is set; each once, sorted by their place in the image. Refuses a script whose
// interpreter is not here, or would not run in the image. `root` is where the host's own programs
// are.
Result<std::vector<AdminFile>> admin_files(const std::vector<AdminProgram>& programs, bool shell,
                                           const std::string& root = "");

// The interpreter that a script names in its first line, as the kernel reads it: "#!/bin/sh -e" has
// one word, "#!/usr/bin/env bash" two. A text without such a line is run by /bin/sh.
std::vector<std::string> interpreter_of(std::string_view script);

}  // namespace kdump
