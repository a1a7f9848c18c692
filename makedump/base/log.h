// Messages to a person. Only main functions, the capture ladder and the daemon log; everything else
// returns errors.
//
// stdout may be the dump itself, so messages go to stderr, or to /dev/kmsg in the capture kernel.
#pragma once

#include <string_view>

namespace kdump::log {

enum class Level { error, warning, info, debug };

enum class Where {
  standard_error,  // "program: message"
  kernel_log,  // /dev/kmsg, so that it reaches console, netconsole and the next vmcore-dmesg.txt;
               // else stderr
  journal_stream,  // stderr with "<3>" priorities, as systemd reads it
};

// `prefix` opens each line ("kdump" gives "kdump: …"). Call once, before threads start.
void open(std::string_view prefix, Where where, Level most_verbose = Level::info);

// The same to somewhere that this room does not know (the journal, with fields): `write` gets each
// line with its prefix, without its end.
using Writer = void (*)(Level level, std::string_view line);
void open(std::string_view prefix, Writer write, Level most_verbose = Level::info);

void error(std::string_view message);
void warning(std::string_view message);
void info(std::string_view message);
void debug(std::string_view message);

}  // namespace kdump::log
