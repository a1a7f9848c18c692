// All that a crash would find out, as far as it can be found out without one: `kdumpctl test
// --dry-run`.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "daemon/host/host.h"

namespace kdump {

struct Check {
  enum class Outcome { ok, warning, failed } outcome = Outcome::ok;
  std::string what;    // a word or two: "target", "command line"
  std::string text;    // what was found
  std::string advice;  // what to do; "" if ok
};

// Calls `tell` after each check, as some take long. Targets are written to (and left as they were);
// `limit` is that of one step of a proof. The proofs are kept for `kdumpctl status`.
std::vector<Check> dry_run(const Host& host, std::chrono::seconds limit,
                           const std::function<void(const Check&)>& tell);

bool all_passed(const std::vector<Check>& checks);  // warnings do not count

std::string check_line(const Check& check);  // "[OK]      target: …", ends in '\n'
std::string checks_json(const std::vector<Check>& checks);

}  // namespace kdump
