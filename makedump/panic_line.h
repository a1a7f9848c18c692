// The one line of a kernel log that says why the machine died.
#pragma once

#include <string>
#include <string_view>

namespace kdump {

// Is shown the log line by line, as extract_dmesg() gives it, and keeps the one that counts.
class PanicLine {
 public:
  void see(std::string_view line);

  // "sysrq: Trigger a crash", "BUG: kernel NULL pointer dereference, address: 0000000000000008", …:
  // without time and without what steers a terminal. "" if nothing in the log looks like it.
  [[nodiscard]] const std::string& text() const;

 private:
  std::string cause_, panic_;
  unsigned since_cause_ = 0;  // lines
};

}  // namespace kdump
