#include "config/directives.h"

namespace kdump {

namespace {

constexpr std::string_view kLocalTarget =
    "name a local file system instead, for example 'ext4 UUID=…', or leave the target out to save "
    "on the file system that holds 'path'";
constexpr std::string_view kNoHooks =
    "remove the line: programs of the admin's are not run in the capture environment";
constexpr std::string_view kNoFence =
    "remove the line; the cluster then fences this node while it saves its dump, so raise its "
    "fencing delay";

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

    // Says whether package updates may change crashkernel= of installed kernels. Ours never do.
    {"auto_reset_crashkernel", Directive::no_effect, "crashkernel= is never changed unasked"},
    // Only read together with an ssh target, which is refused by itself.
    {"sshkey", Directive::no_effect, "it is used with an ssh target only"},

    {"raw", Directive::other_target, kLocalTarget},
    {"nfs", Directive::other_target, kLocalTarget},
    {"ssh", Directive::other_target, kLocalTarget},
    {"virtiofs", Directive::other_target, kLocalTarget},

    {"kdump_pre", Directive::other_feature, kNoHooks},
    {"kdump_post", Directive::other_feature, kNoHooks},
    {"kdump_emergency", Directive::other_feature, kNoHooks},
    {"extra_bins", Directive::other_feature, kNoHooks},
    {"extra_modules", Directive::other_feature,
     "remove the line: the modules that the target needs are found by themselves"},
    {"dracut_args", Directive::other_feature,
     "remove the line: the capture image is not built by dracut; a '--mount' in it is written as a "
     "target, for example 'ext4 UUID=…'"},
    {"fence_kdump_nodes", Directive::other_feature, kNoFence},
    {"fence_kdump_args", Directive::other_feature, kNoFence},

    {"net", Directive::deprecated, "write 'nfs host:/export' or 'ssh user@host'"},
    {"options", Directive::deprecated,
     "remove the line, and set module options in the file of kernel parameters"},
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

}  // namespace kdump
