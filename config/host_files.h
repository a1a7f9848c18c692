// The part of checking a configuration that needs the host it is for: whether the files that it
// names are there.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace kdump {

// Looks below `root` ("" for this machine). A missing sshkey is no error: as on RHEL, the default
// key takes its place, in `loaded`, with a warning. Errors come with file and line of the setting.
std::vector<Error> check_host_files(LoadedSettings& loaded, const std::string& root);

}  // namespace kdump
