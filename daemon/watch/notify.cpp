#include "daemon/watch/notify.h"

#include <ctime>
#include <systemd/sd-daemon.h>

namespace kdump {

namespace {

// STATUS= ends at a newline; messages of ours have none, but a path could.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

}  // namespace

void notify_ready(const std::string& status) {
  (void)::sd_notify(0, ("READY=1\nSTATUS=" + one_line(status)).c_str());
}

void notify_reloading() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  (void)::sd_notify(
      0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds) + "\nSTATUS=Reloading")
             .c_str());
}

void notify_status(const std::string& status) {
  (void)::sd_notify(0, ("STATUS=" + one_line(status)).c_str());
}

void notify_stopping(const std::string& status) {
  (void)::sd_notify(0, ("STOPPING=1\nSTATUS=" + one_line(status)).c_str());
}

}  // namespace kdump
