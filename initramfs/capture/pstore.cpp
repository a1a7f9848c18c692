#include "initramfs/capture/pstore.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr char kAlwaysDump[] = "/sys/module/printk/parameters/always_kmsg_dump";

std::string parameter_of_pstore(const char* name) {
  auto text = read_text_file(std::string("/sys/module/pstore/parameters/") + name);
  if (!text) return "";
  std::erase(*text, '\n');
  return *text;
}

// Of the kernel's log, that is how much pstore keeps.
size_t kept_bytes() {
  size_t bytes = 10240;  // CONFIG_PSTORE_DEFAULT_KMSG_BYTES
  const std::string text = parameter_of_pstore("kmsg_bytes");
  (void)std::from_chars(text.data(), text.data() + text.size(), bytes);
  return bytes;
}

}  // namespace

bool keeps_reboots(std::string_view max_reason) {
  constexpr int kShutdown = 4;  // enum kmsg_dump_reason: panic, oops, emergency, shutdown
  int reason = 0;
  (void)std::from_chars(max_reason.data(), max_reason.data() + max_reason.size(), reason);
  return reason == 0 || reason >= kShutdown;
}

std::vector<std::string> last_lines(std::string_view log, size_t most) {
  std::vector<std::string> lines;
  size_t bytes = 0;
  while (!log.empty()) {
    if (log.ends_with('\n')) log.remove_suffix(1);
    const size_t before = log.rfind('\n');
    const size_t begin = before == std::string_view::npos ? 0 : before + 1;
    std::string line = fitting(std::string(log.substr(begin)));
    std::erase(line, '\0');
    bytes += line.size() + 1;
    if (bytes > most) break;
    if (!line.empty()) lines.push_back(std::move(line));
    log = log.substr(0, begin);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

void keep_in_pstore(std::string_view log) {
  const std::string backend = parameter_of_pstore("backend");
  if (backend.empty() || backend == "(null)") return;
  // Few kernels have it, and of the backends ramoops alone.
  if (write_existing_file("/dev/pmsg0", log))
    return say("the end of the dead kernel's log is in pstore (" + backend + ", pmsg)");
  const auto max_reason = read_text_file("/sys/module/ramoops/parameters/max_reason");
  if (backend == "ramoops" && max_reason && !keeps_reboots(*max_reason))
    return say_warning(
        "the dead kernel's log is not kept in pstore: ramoops keeps a panic's alone "
        "(ramoops.max_reason=0 on the capture kernel's command line changes that)");
  // Without pmsg a program can write to pstore only by way of the kernel's log, and that is kept at
  // a panic, not at a reboot, unless this says so.
  const auto always = write_existing_file(kAlwaysDump, "Y");
  const auto kmsg = open_file("/dev/kmsg", O_WRONLY);
  if (!always || !kmsg)
    return say_warning("the dead kernel's log is not kept in pstore: " +
                       (always ? kmsg.error() : always.error()).message());
  say("the end of the dead kernel's log follows, for pstore (" + backend + ")");
  // Each line gets a level and a time in front, and what the end of this kernel says comes behind.
  for (const std::string& line : last_lines(log, kept_bytes() * 6 / 10)) {
    // As debugging: the console has shown it.
    const std::string record = "<7>" + line + "\n";
    (void)!::write(kmsg->get(), record.data(), record.size());
  }
}

}  // namespace kdump
