#include "config/kdump_conf.h"
#include "tests/fuzz/promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kdump;
  Draft draft;
  read_kdump_conf(as_text(data, size), "kdump.conf", draft);
  finish(draft);
  promise_draft(draft, "kdump.conf");
  return 0;
}
