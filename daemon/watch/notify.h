// What systemd is told. Nothing happens outside of systemd.
#pragma once

#include <string>

namespace kdump {

void notify_ready(const std::string& status);
void notify_reloading();
void notify_status(const std::string& status);
void notify_stopping(const std::string& status);

}  // namespace kdump
