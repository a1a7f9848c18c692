// What `kdumpctl show` tells: what would boot after a crash, with which words, and where its dumps
// go. Worked out anew, as `kdumpctl start` would; `kdumpctl status` tells what is loaded.
#pragma once

#include <string>

#include "daemon/host/host.h"

namespace kdump {

struct Shown {
  std::string text, json;
  bool ok = false;  // false: arming would be refused; `text` says why
};

Shown show_arming(const Host& host);

}  // namespace kdump
