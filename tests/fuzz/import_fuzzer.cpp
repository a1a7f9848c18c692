#include "config/import.h"
#include "tests/fuzz/promises.h"

// What import_settings() hands out has been read by our own parsers; here, that it always ends in
// that or in an error, whatever stands in the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kdump;
  const std::string_view text = as_text(data, size);
  for (const ImportFrom from : {ImportFrom::debian, ImportFrom::suse}) {
    const auto imported = import_settings(from, text, "theirs", "x86_64");
    if (!imported) {
      promise_message(imported.error().message(), "theirs");
      continue;
    }
    for (const std::string& note : imported->notes)
      promise(note.starts_with("theirs") && !holds_control_character(note));
    promise(imported->kdump_conf.starts_with("# Made by "));
  }
  return 0;
}
