// The log of the program in the capture image: log.cpp without its library, which is half a
// megabyte that would have to be found in the memory that was set aside.
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/base/log_write.h"

namespace kdump::log {

namespace {

struct State {
  std::string prefix;
  Where where = Where::standard_error;
  Level most_verbose = Level::info;
  Writer write = nullptr;
  Fd kernel_log;
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

void write(Level level, std::string_view message) {
  const State& log = state();
  if (level > log.most_verbose) return;
  std::string line;
  if (!log.write && log.where != Where::standard_error) line += priority(level);
  line += log.prefix;
  line += mark(level);
  line += message;
  if (log.write) return log.write(level, line);
  line += '\n';
  // One write(2) a line: the kernel makes one record of each, and a line never mixes with another
  // thread's or process's. A lost message must not become a second failure.
  (void)!::write(log.kernel_log ? log.kernel_log.get() : STDERR_FILENO, line.data(), line.size());
}

void open(std::string_view prefix, Where where, Level most_verbose) {
  State opened;
  opened.prefix = std::string(prefix) + ": ";
  opened.where = where;
  opened.most_verbose = most_verbose;
  if (where == Where::kernel_log) {
    if (auto fd = open_file("/dev/kmsg", O_WRONLY)) {
      opened.kernel_log = std::move(*fd);
    } else {
      opened.where = Where::standard_error;
    }
  }
  state() = std::move(opened);
}

void open(std::string_view prefix, Writer write, Level most_verbose) {
  State opened;
  opened.prefix = std::string(prefix) + ": ";
  opened.most_verbose = most_verbose;
  opened.write = write;
  state() = std::move(opened);
}

}  // namespace kdump::log
