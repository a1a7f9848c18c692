#include "config/policy.h"
#include "tests/fuzz/promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kdump;
  Draft draft;
  read_policy(as_text(data, size), "policy.yaml", draft);
  finish(draft);
  promise_draft(draft, "policy.yaml");
  return 0;
}
