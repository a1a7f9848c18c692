// Every word that may open a line of kdump.conf, and what becomes of it.
//
// The list is the format's, not ours: a word that is missing here is an error in the file, and a
// word that this version cannot act on is refused with a way out, because a setting that is
// silently skipped is found out on the day of the crash.
#pragma once

#include <span>
#include <string_view>

namespace kdump {

enum class Directive {
  path,
  core_collector,
  failure_action,
  default_action,  // `default`, the name of failure_action until 2019
  final_action,
  force_rebuild,
  force_no_rebuild,
  filesystem,     // ext4 xfs …: a target on a local file system
  no_effect,      // fine to have, nothing to do: `advice` says why
  other_target,   // a target that this version cannot do
  other_feature,  // anything else that this version cannot do
  deprecated,     // the format itself has given it up
};

struct DirectiveEntry {
  std::string_view word;
  Directive kind;
  std::string_view advice;  // what to write instead, or why there is nothing to do
};

std::span<const DirectiveEntry> directive_table();
const DirectiveEntry* find_directive(std::string_view word);

}  // namespace kdump
