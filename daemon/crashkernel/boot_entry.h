// What a bootloader offers to boot, and editing the kernel command line in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdump {

struct BootEntry {
  std::string index;        // GRUB's: "0", or "1>2" in a submenu; "" for others
  std::string id;           // of a loader entry: its file without .conf; "" for others
  std::string title;        // as the menu shows it
  std::string kernel;       // file on this host: "/boot/vmlinuz-6.1.0-9-amd64"
  std::string release;      // of the kernel; "" if neither entry nor file name tell
  std::string options;      // the kernel's command line
  std::string where;        // file and line that says so, for messages
  bool by_default = false;  // what boots if nobody chooses

  // "kernel=/boot/vmlinuz-…, grub entry index=0"
  [[nodiscard]] std::string describe() const;
};

// "/boot/vmlinuz-6.1.0-9-amd64" and "/boot/abc/6.1.0-9-amd64/linux" → "6.1.0-9-amd64"; "" if the
// name tells none.
std::string release_of_kernel(std::string_view kernel);

// One parameter that is to have one value, or to be gone.
struct ParameterEdit {
  std::string name;
  std::optional<std::string> value;  // nothing: remove it
};

// The line with all of a parameter's occurrences replaced by one, at the place of the first; at the
// end if there was none. Everything else stays as it is, blanks and quotes included. Also for the
// inside of a quoted shell string.
std::string edit_parameters(std::string_view line, const std::vector<ParameterEdit>& edits);

// All values of a parameter, in order; "" for one without a value.
std::vector<std::string> all_parameters(std::string_view line, std::string_view name);

// The last value of a parameter, which is the one that counts; nothing if it is not there.
std::optional<std::string> last_parameter(std::string_view line, std::string_view name);

// Whether a line says already what an edit would make of it, to the kernel.
bool says(std::string_view line, const ParameterEdit& edit);

}  // namespace kdump
