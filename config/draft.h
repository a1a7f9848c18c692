// What load_settings() puts together, file after file. A parser of this folder writes what it
// understood into `loaded` and what is wrong into `errors`, and goes on: so that an admin who asks
// sees all that is wrong at once, and arming stops at the first of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"

namespace kdump {

struct Draft {
  LoadedSettings loaded;
  std::vector<Error> errors;
  // Where kdump.conf names a target of its own, by a target line or --mount in dracut_args.
  std::string kdump_conf_target_origin{};

  // core_collector asked for a flattened dump (-F).
  bool flattened = false;

  void fail(const std::string& where, const std::string& what, Errc code = Errc::usage) {
    constexpr size_t kMost = 100;  // of a file that is no configuration at all
    if (errors.size() < kMost) errors.emplace_back(code, where + ": " + what);
  }
  void warn(const std::string& where, const std::string& what) {
    loaded.warnings.push_back(where + ": " + what);
  }
};

// The checks that need more than one setting, once all files are read: `path` against the targets,
// core_collector against the targets.
void finish(Draft& draft);

}  // namespace kdump
