// The parser behind load_settings(): text in, so that tests and fuzzers need no file.
#pragma once

#include <string_view>

#include "config/settings.h"

namespace kdump {

// `name` is what messages call the text.
Result<LoadedSettings> parse_kdump_conf(std::string_view text, const std::string& name);

}  // namespace kdump
