// Replacing a file of the admin's or the bootloader's that has been edited: atomically, and with
// the owner, mode and security label that it had.
#pragma once

#include <string>

#include "makedump/base/result.h"

namespace kdump {

// A link is followed: what it points to is replaced. A file that is not there is made, mode 0644.
Result<void> replace_text_file(const std::string& path, const std::string& text);

}  // namespace kdump
