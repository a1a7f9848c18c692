// /etc/sysconfig/kdump (Debian: /etc/default/kdump): NAME="value" lines, read as data. RHEL runs
// the file as shell; what needs a shell to mean anything ($(…), variables, conditions) is refused
// with file and line.
#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"

namespace kdump {

// `name` is what messages call the text.
Result<Sysconfig> parse_sysconfig(std::string_view text, const std::string& name);

// A file that is not there sets nothing.
Result<Sysconfig> load_sysconfig(const std::string& file);

}  // namespace kdump
