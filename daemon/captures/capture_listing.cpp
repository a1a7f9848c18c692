#include "daemon/captures/capture_listing.h"

#include <algorithm>
#include <array>

#include "initramfs/plan/manifest.h"

namespace kdump {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// '0' in the pattern is a digit, '?' a dash or a colon.
bool matches(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '0'   ? !is_digit(text[i])
        : pattern[i] == '?' ? text[i] != '-' && text[i] != ':'
                            : text[i] != pattern[i])
      return false;
  }
  return true;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Debian's "dump.202611232127"
bool is_stamped(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && all_digits(name.substr(prefix.size()));
}

}  // namespace

bool is_capture_name(std::string_view name) {
  constexpr std::string_view kTest = "kdump-test-";
  if (name.starts_with(kTest)) {
    const std::string_view id = name.substr(kTest.size());
    return !id.empty() &&
           std::all_of(id.begin(), id.end(), [](char c) { return is_digit(c) || c == '-'; });
  }
  for (size_t at = 0; at < name.size(); ++at)
    if (matches(name.substr(at), "2000-00-00-00?00")) return true;
  // Debian: YYYYMMDDHHMM, behind the host's name or address on a shared target.
  const std::string_view stamp = name.substr(name.rfind('-') + 1);
  return stamp.size() == 12 && all_digits(stamp) && stamp.starts_with("20");
}

bool is_capture_file(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNames = {
      "vmcore",           "vmcore-incomplete",
      "vmcore.flat",      "vmcore-incomplete.flat",
      "vmcore-dmesg.txt", "vmcore-dmesg-incomplete.txt",
      kManifestName,      "vmcore.json.new",
      "kexec-dmesg.log",  "dump-incomplete",
      "dmesg.txt",        "opalcore",
      "README.txt",
  };
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         is_stamped(name, "dump.") || is_stamped(name, "dmesg.");
}

const CaptureFile* CaptureListing::find(std::string_view name) const {
  const auto file = std::find_if(files_.begin(), files_.end(), [name](const CaptureFile& each) {
    return each.name == name && S_ISREG(each.status.st_mode);
  });
  return file == files_.end() ? nullptr : &*file;
}

const CaptureFile* CaptureListing::dump() const {
  for (const char* name : {"vmcore", "vmcore.flat"})
    if (const CaptureFile* file = find(name)) return file;
  const auto file = std::find_if(files_.begin(), files_.end(), [](const CaptureFile& each) {
    return is_stamped(each.name, "dump.") && S_ISREG(each.status.st_mode);
  });
  return file == files_.end() ? nullptr : &*file;
}

const CaptureFile* CaptureListing::incomplete_dump() const {
  for (const char* name : {"vmcore-incomplete", "vmcore-incomplete.flat", "dump-incomplete"})
    if (const CaptureFile* file = find(name)) return file;
  return nullptr;
}

bool CaptureListing::has_log() const {
  return std::any_of(files_.begin(), files_.end(), [](const CaptureFile& file) {
    return file.name == "vmcore-dmesg.txt" || file.name == "vmcore-dmesg-incomplete.txt" ||
           file.name == "dmesg.txt" || is_stamped(file.name, "dmesg.");
  });
}

bool CaptureListing::holds_capture() const {
  return std::any_of(files_.begin(), files_.end(), [](const CaptureFile& file) {
    return file.name != "README.txt" && is_capture_file(file.name);
  });
}

Result<std::vector<std::string>> CaptureListing::removal_order(const std::string& path) const {
  for (const CaptureFile& file : files_)
    if (!S_ISREG(file.status.st_mode) || !is_capture_file(file.name))
      return Error(Errc::exists,
                   path + ": holds " + file.name + ", which no capture leaves behind: not removed");
  // What is left when this is cut short must not look like a complete capture: the dump goes first.
  std::vector<std::string> order;
  if (const CaptureFile* first = dump()) order.push_back(first->name);
  for (const CaptureFile& file : files_)
    if (order.empty() || file.name != order.front()) order.push_back(file.name);
  return order;
}

}  // namespace kdump
