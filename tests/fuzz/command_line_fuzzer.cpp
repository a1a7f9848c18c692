#include "config/command_line.h"
#include "tests/fuzz/promises.h"

// The running kernel's line, then after each NUL: what is removed, what is appended.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kdump;
  std::string_view text = as_text(data, size);
  const auto next = [&text] {
    const size_t end = std::min(text.find('\0'), text.size());
    std::string part(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
  };
  CommandLineHost host;
  host.running = next();
  CommandLineSettings settings;
  settings.remove = next();
  settings.append = next();
  host.watchdog_modules = {"iTCO_wdt"};

  // Taken apart and put together again, it is the same line.
  const auto parameters = split_parameters(host.running);
  promise(split_parameters(join_words(parameters)) == parameters);

  const auto appended = split_parameters(settings.append);
  const std::string line = capture_command_line(settings, host);
  promise(line.ends_with("iTCO_wdt.pretimeout=0 rd.systemd.gpt_auto=no"));
  const auto result = split_parameters(line);
  // Nothing of what was appended is swallowed by an open quote in front of it.
  promise(result.size() >= appended.size() + 2);
  promise(std::vector(result.end() - 2 - static_cast<long>(appended.size()), result.end() - 2) ==
          appended);
  for (size_t i = 0; i + 2 + appended.size() < result.size(); ++i)
    promise(!result[i].starts_with("crashkernel=") && !result[i].starts_with("root=") &&
            result[i] != "--");
  return 0;
}
