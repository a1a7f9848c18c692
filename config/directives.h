// Every word that may open a line of kdump.conf.
//
// The list is the format's, not ours: a word that is missing here is an error in the file, because
// a setting that is silently skipped is found out on the day of the crash.
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
  filesystem,  // ext4 xfs …: a target on a local file system
  virtiofs,
  raw,
  nfs,
  ssh,
  sshkey,
  kdump_pre,
  kdump_post,
  kdump_emergency,
  extra_bins,
  extra_modules,
  dracut_args,
  fence_kdump_nodes,
  fence_kdump_args,
  auto_reset_crashkernel,
  deprecated,  // the format itself has given it up
};

struct DirectiveEntry {
  std::string_view word;
  Directive kind;
  std::string_view advice;  // for what is deprecated: what to write instead
};

std::span<const DirectiveEntry> directive_table();
const DirectiveEntry* find_directive(std::string_view word);

// Directives that name a target; there may be one of them.
bool names_target(Directive kind);

}  // namespace kdump
