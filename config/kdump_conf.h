// The parser of kdump.conf: text in, so that tests and fuzzers need no file.
#pragma once

#include <string_view>

#include "config/draft.h"

namespace kdump {

// `name` is what messages call the text. finish() is the caller's.
void read_kdump_conf(std::string_view text, const std::string& name, Draft& draft);

}  // namespace kdump
