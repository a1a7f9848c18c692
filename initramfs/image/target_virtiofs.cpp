// From a virtiofs tag to what the capture kernel has to mount.
#include <filesystem>
#include <memory>

#include "initramfs/image/mount_table.h"
#include "initramfs/image/target.h"
#include "initramfs/plan/mount_options.h"

namespace kdump {

namespace {

// As the host mounts it, or would.
std::string options_of(const std::string& tag) {
  for (const char* path : {"/proc/self/mountinfo", "/etc/fstab"}) {
    const MountTable table = read_mount_table(path);
    const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(
        mnt_new_iter(MNT_ITER_FORWARD), mnt_free_iter);
    if (!table || !iterator) continue;
    for (libmnt_fs* entry = nullptr; mnt_table_next_fs(table.get(), iterator.get(), &entry) == 0;) {
      const char* source = mnt_fs_get_source(entry);
      const char* type = mnt_fs_get_fstype(entry);
      if (!source || !type || tag != source || std::string_view(type) != "virtiofs") continue;
      const char* options = mnt_fs_get_options(entry);
      return options ? options : "";
    }
  }
  return "";
}

}  // namespace

Result<TargetPlan> resolve_virtiofs_target(const Target& target, const std::string& path) {
  TargetPlan plan;
  plan.kind = TargetKind::filesystem;
  plan.device = target.device;
  plan.filesystem = "virtiofs";
  plan.directory = (std::filesystem::path("/") / path).lexically_normal().string();
  while (plan.directory.size() > 1 && plan.directory.ends_with('/'))
    plan.directory.pop_back();
  plan.mount_options =
      options_for_capture(target.options.empty() ? options_of(target.device) : target.options);
  return plan;
}

}  // namespace kdump
