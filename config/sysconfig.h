// /etc/sysconfig/kdump (Debian: /etc/default/kdump): NAME="value" lines, read as data. RHEL runs
// the file as shell; what needs a shell to mean anything is refused with file and line.
#pragma once

#include <string>
#include <string_view>

#include "config/draft.h"

namespace kdump {

// `name` is what messages call the text.
void read_sysconfig(std::string_view text, const std::string& name, Draft& draft);

// For who needs nothing else of the configuration. A file that is not there sets nothing.
Result<Sysconfig> load_sysconfig(const std::string& file);

// openSUSE's kdump has a file of the same name, with variables of its own.
bool is_suse_sysconfig(std::string_view text);

}  // namespace kdump
