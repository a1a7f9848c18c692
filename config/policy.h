// /etc/kdump/policy.yaml: what kdump.conf's line format cannot say. config/policy.yaml documents
// every key. The only user of yaml-cpp, which throws: nothing gets out of policy.cpp.
#pragma once

#include <string>
#include <string_view>

#include "config/draft.h"

namespace kdump {

// `name` is what messages call the text. To be called after read_kdump_conf(): what that file says
// is what `kdump.conf` means in the list of targets.
void read_policy(std::string_view text, const std::string& name, Draft& draft);

}  // namespace kdump
