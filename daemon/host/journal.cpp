#include "daemon/host/journal.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>
#include <unistd.h>
#include <vector>

#include "makedump/base/log.h"

namespace kdump {

namespace {

std::map<std::string, std::string>& fields() {
  static std::map<std::string, std::string> instance;
  return instance;
}

// $JOURNAL_STREAM is "device:inode" of the socket that systemd gave us.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (!stream || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

std::string own_unit() {
  char* unit = nullptr;
  if (::sd_pid_get_unit(0, &unit) < 0) return "";
  const std::unique_ptr<char, void (*)(void*)> owned(unit, &std::free);
  return unit;
}

int priority_of(log::Level level) {
  switch (level) {
    case log::Level::error:
      return LOG_ERR;
    case log::Level::warning:
      return LOG_WARNING;
    case log::Level::info:
      return LOG_INFO;
    case log::Level::debug:
      return LOG_DEBUG;
  }
  return LOG_INFO;
}

void send(log::Level level, std::string_view message) {
  std::vector<std::string> entries = {"MESSAGE=" + std::string(message),
                                      "PRIORITY=" + std::to_string(priority_of(level)),
                                      "SYSLOG_IDENTIFIER=kdump"};
  for (const auto& [name, value] : fields())
    entries.push_back(name + "=" + value);
  std::vector<iovec> parts;
  parts.reserve(entries.size());
  for (std::string& entry : entries)
    parts.push_back({entry.data(), entry.size()});
  if (::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0) return;
  // A message must not be lost with its fields.
  const std::string line =
      "<" + std::to_string(priority_of(level)) + ">" + std::string(message) + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void open_journal(const std::string& prefix) {
  if (!stderr_is_journal()) {
    log::open(prefix, log::Where::journal_stream);
    return;
  }
  // kdumpctl may have ended before the journal looks up which unit it belonged to; root's word for
  // it is as good for `journalctl -u`.
  set_journal_field("OBJECT_SYSTEMD_UNIT", own_unit());
  log::open(prefix, &send);
}

bool started_by_kdumpd() {
  const char* from = std::getenv("KDUMP_FROM");
  return from && std::string_view(from) == "kdumpd";
}

void set_journal_field(const std::string& name, const std::string& value) {
  if (value.empty())
    fields().erase(name);
  else
    fields()[name] = value;
}

}  // namespace kdump
