// What kdump-capture says, in the kernel's log: with a time, in order with the kernel's own lines,
// on every console and on netconsole; and the whole of that log again for kexec-dmesg.log.
#pragma once

#include <string>
#include <string_view>

namespace kdump {

// What is shown on the console, of `rd.kdumploglvl=` on the kernel's command line as RHEL's image
// has it: 0 nothing, 1 errors, 2 warnings, 3 progress (if nothing is said), 4 more than that. The
// log itself has everything.
int console_level(std::string_view kernel_command_line);

void open_capture_log();

void say(const std::string& text);
void say_warning(const std::string& text);
void say_error(const std::string& text);

// As one line that the kernel's log takes.
std::string fitting(std::string text);
// With paths as the admin knows them, from the root of the target's own file system.
std::string as_on_target(std::string text);

// To the console alone: a line of progress is not for the log.
void show(const std::string& line);

// The capture kernel's log so far, a line each with its time: at most the last `most` bytes.
std::string own_kernel_log(size_t most = size_t{1} << 20);

}  // namespace kdump
