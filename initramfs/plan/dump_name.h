// What a capture's directory is called.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace kdump {

struct DumpName {
  std::string pattern;  // of the policy: {ip}, {hostname} and {time} stand for what follows
  std::string ip;       // of the machine, as the target sees it; 127.0.0.1 for local targets
  std::string hostname;
  bool colons = true;  // FAT takes none
};

// "127.0.0.1-2026-11-23-21:27:35". UTC: the host's time zone is not in the image. Whatever the
// pattern and the host are called, the result is one name: no '/', no blanks, not "." or "..".
std::string dump_directory_name(const DumpName& name, time_t now);

// The directory of a crash that `kdumpctl test` made: its id is on the capture kernel's command
// line. Nothing where there is none, or one that no kdumpctl made.
std::optional<std::string> test_directory_name(std::string_view kernel_command_line);

}  // namespace kdump
