// The effective settings, each with where it came from: `kdumpctl config show`. Values are written
// as the file that sets them would have them.
#pragma once

#include <string>

#include "config/settings.h"

namespace kdump {

// A line a setting: name, value, "file:line" or "default".
std::string settings_text(const LoadedSettings& loaded);

// {"settings": {NAME: {"value": …, "origin": "file:line" or null}}, "warnings": […]}. Durations are
// seconds, sizes bytes; a setting that is not there is null.
std::string settings_json(const LoadedSettings& loaded);

}  // namespace kdump
