// Makes our files of those of Debian's kdump-tools and openSUSE's kdump: `kdumpctl config import`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

enum class ImportFrom { debian, suse };

struct Imported {
  std::string kdump_conf;          // the whole file
  std::string policy, sysconfig;   // the whole files; "" for none
  std::vector<std::string> notes;  // "file:line: NAME: …" for each that has no counterpart
};

// `name` is what messages call the text; `machine` (as uname(2) calls it) has the defaults that
// appended parameters are added to. What comes back is valid: our own parsers have read it.
Result<Imported> import_settings(ImportFrom from, std::string_view text, const std::string& name,
                                 std::string_view machine);

// Whose file this is, by the variables in it; not_found if it is neither's.
Result<ImportFrom> recognise_import(std::string_view text, const std::string& name);

}  // namespace kdump
