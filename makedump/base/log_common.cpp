#include "makedump/base/log_write.h"

namespace kdump::log {

std::string_view priority(Level level) {
  switch (level) {
    case Level::error:
      return "<3>";
    case Level::warning:
      return "<4>";
    case Level::info:
      return "<6>";
    case Level::debug:
      return "<7>";
  }
  return "<6>";
}

std::string_view mark(Level level) {
  return level == Level::warning ? "WARNING: " : "";
}

void error(std::string_view message) {
  write(Level::error, message);
}
void warning(std::string_view message) {
  write(Level::warning, message);
}
void info(std::string_view message) {
  write(Level::info, message);
}
void debug(std::string_view message) {
  write(Level::debug, message);
}

}  // namespace kdump::log
