// From an NFS export as kdump.conf names it, or a directory on one, to what the capture kernel has
// to mount.
#include <filesystem>
#include <memory>
#include <optional>

#include "initramfs/image/mount_table.h"
#include "initramfs/image/target.h"
#include "initramfs/plan/nfs_options.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

std::string without_slash(std::string text) {
  while (text.size() > 1 && text.ends_with('/') && !text.ends_with(":/"))
    text.pop_back();
  return text;
}

bool is_nfs(libmnt_fs* entry) {
  const std::string type = text_or_empty(mnt_fs_get_fstype(entry));
  return type == "nfs" || type == "nfs4";
}

// Options of the first entry of a table with this source; nothing where there is none.
std::optional<std::string> options_in(const char* path, const std::string& source) {
  const MountTable table = read_mount_table(path);
  const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(
      mnt_new_iter(MNT_ITER_FORWARD), mnt_free_iter);
  if (!table || !iterator) return std::nullopt;
  for (libmnt_fs* entry = nullptr; mnt_table_next_fs(table.get(), iterator.get(), &entry) == 0;)
    if (is_nfs(entry) && without_slash(text_or_empty(mnt_fs_get_source(entry))) == source) {
      std::string options = text_or_empty(mnt_fs_get_fs_options(entry));
      if (options.empty()) options = text_or_empty(mnt_fs_get_options(entry));
      return options;
    }
  return std::nullopt;
}

Result<TargetPlan> make_target(const std::string& source, const std::string& options,
                               const std::string& path) {
  TargetPlan target;
  target.kind = TargetKind::nfs;
  target.device = source;
  target.filesystem = "nfs";
  target.directory = without_slash((fs::path("/") / path).lexically_normal().string());
  target.host = nfs_host(source);
  if (target.host.empty())
    return Error(Errc::usage, source + ": is not host:/export, which a capture could mount");
  auto kept = nfs_options_for_capture(options);
  if (!kept) return std::move(kept).error().context("nfs " + source);
  target.mount_options = std::move(*kept);
  return target;
}

}  // namespace

Result<TargetPlan> resolve_nfs_target(const Target& target, const std::string& path) {
  const std::string source = without_slash(target.nfs_source);
  std::string options = target.options;
  // As it is mounted says most: the version that both sides agreed on.
  if (options.empty())
    for (const char* table : {"/proc/self/mountinfo", "/etc/fstab"})
      if (const auto found = options_in(table, source)) {
        options = *found;
        break;
      }
  return make_target(source, options, path);
}

Result<std::optional<TargetPlan>> resolve_nfs_path(const Target& target, const std::string& path) {
  // Nothing of the path is looked at before its mount is known: a server may hang.
  const MountTable table = read_mount_table("/proc/self/mountinfo");
  if (!table) return Error::from_errno("/proc/self/mountinfo");
  const std::string wanted = fs::path(path).lexically_normal().string();
  libmnt_fs* found = nullptr;
  std::string point;
  const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(
      mnt_new_iter(MNT_ITER_FORWARD), mnt_free_iter);
  for (libmnt_fs* entry = nullptr; mnt_table_next_fs(table.get(), iterator.get(), &entry) == 0;) {
    const std::string at = text_or_empty(mnt_fs_get_target(entry));
    const bool holds = at == "/" || wanted == at || wanted.starts_with(at + "/");
    if (!holds || at.size() < point.size()) continue;
    point = at;
    found = entry;
  }
  if (!found || !is_nfs(found)) return std::optional<TargetPlan>();
  const std::string below = point == "/" ? wanted : wanted.substr(point.size());
  KDUMP_TRY_ASSIGN(TargetPlan plan,
                   make_target(without_slash(text_or_empty(mnt_fs_get_source(found))),
                               target.options.empty() ? text_or_empty(mnt_fs_get_fs_options(found))
                                                      : target.options,
                               below));
  return std::optional(std::move(plan));
}

}  // namespace kdump
