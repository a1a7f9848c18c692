#include "config/sysconfig.h"
#include "tests/fuzz/promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kdump;
  Draft draft;
  read_sysconfig(as_text(data, size), "kdump", draft);
  finish(draft);
  promise_draft(draft, "kdump");
  if (!draft.errors.empty()) return 0;
  const Sysconfig& sysconfig = draft.loaded.settings.sysconfig;
  promise(!sysconfig.image.empty() && sysconfig.image.find('/') == std::string::npos);
  promise(sysconfig.std_log_level >= 0 && sysconfig.std_log_level <= 4);
  promise(!holds_control_character(sysconfig.command_line));
  return 0;
}
