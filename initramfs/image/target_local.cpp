// From a local file system as kdump.conf names it to what the capture kernel has to mount.
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "initramfs/image/block_stack.h"
#include "initramfs/image/mount_table.h"
#include "initramfs/image/network_disks.h"
#include "initramfs/image/target.h"
#include "initramfs/plan/block_device.h"
#include "initramfs/plan/mount_options.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kFilesystems = {"ext2",  "ext3", "ext4", "xfs",
                                                          "btrfs", "vfat", "minix"};

// One mount of the running system.
struct Mounted {
  std::string source, type, root, target, options;
  dev_t device = 0;
};

Mounted describe(libmnt_fs* entry) {
  Mounted mounted;
  mounted.source = text_or_empty(mnt_fs_get_source(entry));
  mounted.type = text_or_empty(mnt_fs_get_fstype(entry));
  mounted.root = text_or_empty(mnt_fs_get_root(entry));
  mounted.target = text_or_empty(mnt_fs_get_target(entry));
  mounted.options = text_or_empty(mnt_fs_get_fs_options(entry));
  mounted.device = mnt_fs_get_devno(entry);
  return mounted;
}

Result<MountTable> mount_table() {
  MountTable table = read_mount_table("/proc/self/mountinfo");
  if (!table) return Error::from_errno("/proc/self/mountinfo");
  return table;
}

// The device below a mount. Not always the one that mountinfo names: "/dev/root" exists nowhere,
// and btrfs has device numbers that no block device has.
Result<std::string> device_of(const Mounted& mounted) {
  const std::string entry = "/sys/dev/block/" + std::to_string(major(mounted.device)) + ":" +
                            std::to_string(minor(mounted.device));
  std::error_code failed;
  if (const fs::path real = fs::canonical(entry, failed); !failed)
    return device_path(real.filename().string());
  if (mounted.source.starts_with("/dev/")) return mounted.source;
  return Error(Errc::unsupported, mounted.target + ": is " + mounted.type + " on " +
                                      mounted.source + ", not on a block device");
}

Result<void> check_filesystem(const std::string& type, const std::string& what) {
  if (std::find(kFilesystems.begin(), kFilesystems.end(), type) != kFilesystems.end()) return {};
  std::string known;
  for (const std::string_view name : kFilesystems)
    known.append(known.empty() ? "" : " ").append(name);
  return Error(Errc::unsupported,
               what + ": is " + type + ", where a capture cannot write (can: " + known +
                   "): name another file system in kdump.conf, such as " + "ext4 UUID=…");
}

// A file system that has parts on other devices cannot be mounted with the one that is known.
Result<void> check_single_device(const BlockIdentity& identity, const std::string& options,
                                 const std::string& device) {
  for (const std::string_view name : {"logdev", "rtdev", "journal_path", "journal_dev"})
    if (const auto value = mount_option_value(options, name))
      return Error(Errc::unsupported, device + ": has its journal or data on " + *value +
                                          ", too: choose a file system on one device");
  if (identity.type != "btrfs") return {};
  std::error_code failed;
  const fs::directory_iterator members("/sys/fs/btrfs/" + identity.uuid + "/devices", failed);
  if (!failed && std::distance(begin(members), end(members)) > 1)
    return Error(Errc::unsupported,
                 device + ": btrfs over several devices: choose a file system on one device");
  return {};
}

struct Resolved {
  std::string device;  // path on this host
  std::string directory;
  std::string type, options;
};

Result<TargetPlan> make_target(const Target& configured, const Resolved& resolved) {
  KDUMP_TRY_ASSIGN(const std::string name, kernel_name_of(resolved.device));
  KDUMP_TRY_ASSIGN(const BlockStack stack, block_stack(name));
  KDUMP_TRY_ASSIGN(const BlockIdentity identity, probe_block_device(resolved.device));
  KDUMP_TRY(check_single_device(identity, resolved.options, resolved.device));

  TargetPlan target;
  target.kind = TargetKind::filesystem;
  target.device =
      stack.is_plain() ? stable_spec(identity, name, device_path(name)) : assembled_path(name);
  KDUMP_TRY_ASSIGN(target.network_disks, network_disks_of(stack));
  target.filesystem = resolved.type;
  // The admin's own word stands above what the host mounts with.
  target.mount_options =
      options_for_capture(configured.options.empty() ? resolved.options : configured.options);
  target.directory = resolved.directory;
  return target;
}

std::string joined(const std::string& root, const std::string& below) {
  fs::path path = fs::path(root) / fs::path(below).relative_path();
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/'))
    text.pop_back();
  return text;
}

// Where a mount begins, from the root of what the capture kernel will mount. What mountinfo calls
// root is where in the whole file system that is (a bind mount, a subvolume).
std::string root_of(const Mounted& mounted) {
  std::string root = mounted.root;
  if (mounted.type == "btrfs") {
    const std::string subvolume = mount_option_value(mounted.options, "subvol").value_or("/");
    // The option mounts the subvolume again, so paths begin there.
    if (subvolume != "/" && (root == subvolume || root.starts_with(subvolume + "/")))
      root.erase(0, subvolume.size());
  }
  return root.empty() ? "/" : root;
}

// The file system that holds `path`.
Result<TargetPlan> resolve_path(const Target& target, const std::string& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (failed)
    return Error::from_errno("path " + path + " (make it, or change `path` in kdump.conf)",
                             failed.value());
  KDUMP_TRY_ASSIGN(const MountTable table, mount_table());
  libmnt_fs* entry = mnt_table_find_mountpoint(table.get(), real.c_str(), MNT_ITER_BACKWARD);
  if (!entry) return Error(Errc::not_found, "path " + path + ": is below no mount point");
  const Mounted mounted = describe(entry);
  KDUMP_TRY(check_filesystem(mounted.type, "path " + path));

  Resolved resolved;
  KDUMP_TRY_ASSIGN(resolved.device, device_of(mounted));
  resolved.type = mounted.type;
  resolved.options = mounted.options;
  const std::string below =
      mounted.target == "/" ? real.string() : real.string().substr(mounted.target.size());
  resolved.directory = joined(root_of(mounted), below);
  return make_target(target, resolved);
}

std::optional<Mounted> find_mount_of(libmnt_table* table, const std::string& device) {
  struct stat info {};
  if (::stat(device.c_str(), &info) != 0) return std::nullopt;
  std::error_code failed;
  const std::unique_ptr<libmnt_iter, void (*)(libmnt_iter*)> iterator(
      mnt_new_iter(MNT_ITER_FORWARD), mnt_free_iter);
  std::optional<Mounted> found;
  for (libmnt_fs* entry = nullptr; mnt_table_next_fs(table, iterator.get(), &entry) == 0;) {
    const Mounted mounted = describe(entry);
    const bool same = mounted.device == info.st_rdev ||
                      (mounted.type == "btrfs" && mounted.source.starts_with("/dev/") &&
                       fs::equivalent(mounted.source, device, failed));
    if (!same) continue;
    // Of several mounts, one of the whole file system tells most.
    if (!found || (found->root != "/" && mounted.root == "/")) found = mounted;
  }
  return found;
}

std::string fstab_options(const std::string& device, const std::string& spec) {
  const MountTable table = read_mount_table("/etc/fstab");
  if (!table) return "";
  libmnt_fs* entry = mnt_table_find_source(table.get(), spec.c_str(), MNT_ITER_FORWARD);
  if (!entry) entry = mnt_table_find_source(table.get(), device.c_str(), MNT_ITER_FORWARD);
  return entry ? text_or_empty(mnt_fs_get_options(entry)) : "";
}

// The file system that a line like `ext4 UUID=…` names.
Result<TargetPlan> resolve_named(const Target& target, const std::string& path) {
  const std::string line = target.type + " " + target.device;
  KDUMP_TRY(check_filesystem(target.type, line));
  BlockDeviceSearch search(target.device);
  auto device = search.find();
  if (!device)
    return Error(device.error().code(), line + ": no such block device (there are: " +
                                            search.seen() + "; lsblk -f shows their UUIDs)");
  KDUMP_TRY_ASSIGN(const BlockIdentity identity, probe_block_device(*device));
  KDUMP_TRY_ASSIGN(const MountTable table, mount_table());
  const auto mounted = find_mount_of(table.get(), *device);

  // ext4's driver mounts all three, so what it is mounted as counts, too.
  if (identity.type != target.type && (!mounted || mounted->type != target.type))
    return Error(Errc::usage, line + ": wrong type: " + *device +
                                  (identity.type.empty()
                                       ? " holds no file system (make one, or name another device)"
                                       : " is " + identity.type + ": write " + identity.type + " " +
                                             target.device));
  Resolved resolved;
  resolved.device = *device;
  resolved.type = target.type;
  resolved.directory = joined("/", path);
  if (!mounted) {
    resolved.options = fstab_options(*device, target.device);
    return make_target(target, resolved);
  }
  resolved.options = mounted->options;
  // `path` is relative to the file system as it is mounted.
  resolved.directory = joined(root_of(*mounted), path);
  const std::string on_host = joined(mounted->target, path);
  std::error_code failed;
  if (!fs::is_directory(on_host, failed))
    return Error(Errc::not_found, line + ": path " + path + ": no directory " + on_host +
                                      " (make it, or change `path` in kdump.conf)");
  return make_target(target, resolved);
}

}  // namespace

Result<TargetPlan> resolve_root_filesystem(const std::string& path) {
  KDUMP_TRY_ASSIGN(TargetPlan target, resolve_path(Target{}, "/"));
  target.directory = joined(target.directory, path);
  return target;
}

Result<TargetPlan> resolve_local_target(const Target& target, const std::string& path) {
  if (target.kind == TargetKind::path) return resolve_path(target, path);
  return resolve_named(target, path);
}

}  // namespace kdump
