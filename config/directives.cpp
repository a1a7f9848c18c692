#include "config/directives.h"

namespace kdump {

namespace {

constexpr DirectiveEntry kTable[] = {
    {"path", Directive::path, ""},
    {"core_collector", Directive::core_collector, ""},
    {"failure_action", Directive::failure_action, ""},
    {"default", Directive::default_action, ""},
    {"final_action", Directive::final_action, ""},
    {"force_rebuild", Directive::force_rebuild, ""},
    {"force_no_rebuild", Directive::force_no_rebuild, ""},

    {"ext2", Directive::filesystem, ""},
    {"ext3", Directive::filesystem, ""},
    {"ext4", Directive::filesystem, ""},
    {"xfs", Directive::filesystem, ""},
    {"btrfs", Directive::filesystem, ""},
    {"minix", Directive::filesystem, ""},
    {"virtiofs", Directive::virtiofs, ""},
    {"raw", Directive::raw, ""},
    {"nfs", Directive::nfs, ""},
    {"ssh", Directive::ssh, ""},
    {"sshkey", Directive::sshkey, ""},

    {"kdump_pre", Directive::kdump_pre, ""},
    {"kdump_post", Directive::kdump_post, ""},
    {"kdump_emergency", Directive::kdump_emergency, ""},
    {"extra_bins", Directive::extra_bins, ""},
    {"extra_modules", Directive::extra_modules, ""},
    {"dracut_args", Directive::dracut_args, ""},
    {"fence_kdump_nodes", Directive::fence_kdump_nodes, ""},
    {"fence_kdump_args", Directive::fence_kdump_args, ""},
    {"auto_reset_crashkernel", Directive::auto_reset_crashkernel, ""},

    {"net", Directive::deprecated, "write 'nfs host:/export' or 'ssh user@host'"},
    {"options", Directive::deprecated,
     "remove the line, and write module.option=value into KDUMP_COMMANDLINE_APPEND of "
     "/etc/sysconfig/kdump"},
    {"link_delay", Directive::deprecated, "remove the line: waiting for a link needs no setting"},
    {"disk_timeout", Directive::deprecated, "remove the line: waiting for a disk needs no setting"},
    {"debug_mem_level", Directive::deprecated, "remove the line"},
    {"blacklist", Directive::deprecated,
     "remove the line: only modules that the target needs are loaded"},
};

}  // namespace

std::span<const DirectiveEntry> directive_table() {
  return kTable;
}

const DirectiveEntry* find_directive(std::string_view word) {
  for (const DirectiveEntry& entry : kTable)
    if (entry.word == word) return &entry;
  return nullptr;
}

bool names_target(Directive kind) {
  return kind == Directive::filesystem || kind == Directive::virtiofs || kind == Directive::raw ||
         kind == Directive::nfs || kind == Directive::ssh;
}

}  // namespace kdump
