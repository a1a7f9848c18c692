#include "initramfs/capture/capture_log.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "initramfs/plan/capture_plan.h"
#include "makedump/base/fd.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

// "6,1234,5678901,-;text\n key=value…" → "[    5.678901] text"; "" for what is no such record.
std::string log_line(std::string_view record) {
  const size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return "";
  std::string_view head = record.substr(0, semicolon);
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));  // continued by the device that it is about
  for (int field = 0; field < 2; ++field)
    head.remove_prefix(std::min(head.find(',') + 1, head.size()));
  uint64_t us = 0;
  (void)std::from_chars(head.data(), head.data() + head.size(), us);
  std::array<char, 40> time{};
  std::snprintf(time.data(), time.size(), "[%5llu.%06llu] ",
                static_cast<unsigned long long>(us / 1000000),
                static_cast<unsigned long long>(us % 1000000));
  return time.data() + std::string(text) + "\n";
}

constexpr int kUsualLevel = 3;
int level = kUsualLevel;

}  // namespace

int console_level(std::string_view kernel_command_line) {
  constexpr std::string_view kName = "rd.kdumploglvl=";
  int found = kUsualLevel;
  // The last one counts; what is no level is passed over.
  while (!kernel_command_line.empty()) {
    const std::string_view word =
        kernel_command_line.substr(0, kernel_command_line.find_first_of(" \n"));
    kernel_command_line.remove_prefix(std::min(word.size() + 1, kernel_command_line.size()));
    if (word.starts_with(kName) && word.size() == kName.size() + 1 && word.back() >= '0' &&
        word.back() <= '4')
      found = word.back() - '0';
  }
  return found;
}

// In return for the kernel's log the console must show it whatever `quiet` or `loglevel=` say, and
// the kernel must not drop any line for being one of many. Who asks for less gets just that.
void open_capture_log() {
  (void)write_existing_file("/proc/sys/kernel/printk_devkmsg", "on\n");
  const auto command_line = read_text_file("/proc/cmdline");
  level = console_level(command_line ? *command_line : "");
  constexpr std::array kPrintk = {1, 4, 5, 7, 8};  // what is below it is shown
  const int wanted = kPrintk.at(static_cast<size_t>(level));
  int now = 0;
  if (const auto printk = read_text_file("/proc/sys/kernel/printk"))
    (void)std::sscanf(printk->c_str(), "%d", &now);
  if (now < wanted || level < kUsualLevel)
    (void)write_existing_file("/proc/sys/kernel/printk", std::to_string(wanted) + "\n");
  log::open("kdump-capture", log::Where::kernel_log,
            level > kUsualLevel ? log::Level::debug : log::Level::info);
}

void say(const std::string& text) {
  log::info(fitting(as_on_target(text)));
}

void say_warning(const std::string& text) {
  log::warning(fitting(as_on_target(text)));
}

void say_error(const std::string& text) {
  log::error(fitting(as_on_target(text)));
}

// /dev/kmsg refuses records above 1 KiB, and a message must not get lost for being long.
std::string fitting(std::string text) {
  constexpr size_t kLongest = 900;
  if (text.size() > kLongest) text.replace(kLongest, std::string::npos, " …");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string as_on_target(std::string text) {
  const std::string prefix = std::string(kTargetMountPoint) + "/";
  for (size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
    size_t end = at + prefix.size();
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0)
      ++end;
    text.erase(at, end - at);
  }
  return text;
}

void show(const std::string& line) {
  if (level < kUsualLevel) return;
  static const Fd console(::dup(STDERR_FILENO));
  (void)write_all(console, as_bytes(as_on_target(line) + "\n"), "console");
}

std::string own_kernel_log(size_t most) {
  const Fd fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string log;
  std::array<char, 8192> record{};
  // A record that was overwritten meanwhile gives EPIPE once, and reading goes on behind it.
  for (int lost = 0; fd && lost < 100;) {
    const ssize_t n = ::read(fd.get(), record.data(), record.size());
    if (n > 0) log += log_line({record.data(), static_cast<size_t>(n)});
    if (n < 0 && errno == EPIPE) ++lost;
    if (n == 0 || (n < 0 && errno != EPIPE && errno != EINTR)) break;
    if (log.size() > 2 * most) log.erase(0, log.size() - most);
  }
  if (log.size() > most) log.erase(0, log.size() - most);
  return log;
}

}  // namespace kdump
