// What the kernel says of crash images. Apart from kexec.cpp, as kdumpd asks and never loads.
#include <algorithm>
#include <charconv>
#include <thread>

#include "daemon/arm/kexec.h"
#include "daemon/arm/kexec_busy.h"
#include "daemon/host/iomem.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Since 6.19 (cf4340bdd967) in a directory of their own; the old names are links that go one day.
Result<uint64_t> read_kexec_attribute(const HostPaths& paths, const std::string& name) {
  const std::string current = paths.sys_kernel() + "/kexec/" + name;
  const std::string old = paths.sys_kernel() + "/kexec_" + name;
  for (int tries = 1;; ++tries) {
    auto text = read_text_file(current);
    if (!text && text.error().sys_errno() == ENOENT) text = read_text_file(old);
    if (text) {
      const std::string line = first_line(*std::move(text));
      if (const auto number = parse_number(line)) return *number;
      return Error(Errc::bad_input,
                   paths.sys_kernel() + ": " + name + " is '" + line + "', which is no number");
    }
    if (text.error().sys_errno() == ENOENT)
      return Error(Errc::not_found, "Kdump is not supported on this kernel");
    if (text.error().sys_errno() != EBUSY || tries == kBusyTries) return std::move(text).error();
    std::this_thread::sleep_for(kBusyPause);
  }
}

}  // namespace

Result<bool> crash_image_loaded(const HostPaths& paths) {
  KDUMP_TRY_ASSIGN(const uint64_t loaded, read_kexec_attribute(paths, "crash_loaded"));
  return loaded != 0;
}

Result<uint64_t> reserved_bytes(const HostPaths& paths) {
  return read_kexec_attribute(paths, "crash_size");
}

std::optional<uint64_t> largest_reserved_region(const HostPaths& paths) {
  uint64_t largest = 0;
  for (const PhysRange& region : iomem_regions(paths, "Crash kernel"))
    largest = std::max(largest, region.size());
  if (largest == 0) return std::nullopt;
  return largest;
}

bool kernel_updates_hotplug(const HostPaths& paths, const std::string& subsystem) {
  const auto text = read_text_file(paths.sys_devices() + "/" + subsystem + "/crash_hotplug");
  return text && text->starts_with('1');
}

Result<void> check_loading_allowed(const HostPaths& paths) {
  const auto disabled = read_text_file(paths.load_disabled());
  if (disabled && first_line(*disabled) == "1")
    return Error(Errc::io,
                 "kernel.kexec_load_disabled is 1: nothing can be loaded until the next boot; find "
                 "who sets it in /etc/sysctl.d");
  const auto limit = read_text_file(paths.load_limit());
  if (limit && first_line(*limit) == "0")
    return Error(Errc::io,
                 "kernel.kexec_load_limit_panic is 0: the number of loads that it allowed is used "
                 "up, and nothing can be loaded until the next boot");
  return {};
}

}  // namespace kdump
