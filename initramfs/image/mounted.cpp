#include "initramfs/image/mounted.h"

#include <array>
#include <filesystem>
#include <memory>
#include <sys/stat.h>

#include "initramfs/image/mount_table.h"
#include "initramfs/plan/block_device.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

struct FreeIterator {
  void operator()(libmnt_iter* iterator) const { mnt_free_iter(iterator); }
};

std::string without_slash(std::string text) {
  while (text.size() > 1 && text.ends_with('/'))
    text.pop_back();
  return text;
}

// "/dev/vdb1" for what the spec names on the host below `root`, by udev's links.
Result<std::string> device_below(const std::string& root, const std::string& spec) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTags = {{
      {"UUID=", "/dev/disk/by-uuid/"},
      {"LABEL=", "/dev/disk/by-label/"},
      {"PARTUUID=", "/dev/disk/by-partuuid/"},
      {"PARTLABEL=", "/dev/disk/by-partlabel/"},
  }};
  std::string path = spec;
  for (const auto& [tag, directory] : kTags)
    if (spec.starts_with(tag)) path = std::string(directory).append(spec, tag.size());
  std::error_code failed;
  const fs::path link = fs::read_symlink(root + path, failed);
  if (!failed) return "/dev/" + link.filename().string();
  if (path != spec) return Error(Errc::not_found, spec + ": no such block device");
  return path;
}

// Whether a mount is the one that is looked for.
class Wanted {
 public:
  static Result<Wanted> of(const std::string& root, const Target& target) {
    Wanted wanted;
    if (target.kind == TargetKind::nfs) {
      wanted.network_ = true;
      wanted.source_ = without_slash(target.nfs_source);
    } else if (target.type == "virtiofs") {
      wanted.type_ = target.type;
      wanted.source_ = target.device;
    } else if (root.empty()) {
      BlockDeviceSearch search(target.device);
      KDUMP_TRY_ASSIGN(wanted.source_, search.find());
      struct stat info {};
      if (::stat(wanted.source_.c_str(), &info) == 0) wanted.device_ = info.st_rdev;
    } else {
      KDUMP_TRY_ASSIGN(wanted.source_, device_below(root, target.device));
    }
    return wanted;
  }

  [[nodiscard]] bool is(libmnt_fs* entry) const {
    const std::string type = text_or_empty(mnt_fs_get_fstype(entry));
    if (network_ && !type.starts_with("nfs")) return false;
    if (!type_.empty() && type != type_) return false;
    if (device_ != 0 && mnt_fs_get_devno(entry) == device_) return true;
    const std::string source = without_slash(text_or_empty(mnt_fs_get_source(entry)));
    if (source == source_) return true;
    // btrfs has device numbers that no block device has; names may be links.
    std::error_code failed;
    return device_ != 0 && source.starts_with("/dev/") && fs::equivalent(source, source_, failed);
  }

 private:
  bool network_ = false;
  std::string type_, source_;
  dev_t device_ = 0;
};

}  // namespace

Result<std::optional<std::string>> find_mounted(const std::string& root, const Target& target) {
  KDUMP_TRY_ASSIGN(const Wanted wanted, Wanted::of(root, target));
  const std::string list = root + "/proc/self/mountinfo";
  const MountTable table = read_mount_table(list.c_str());
  if (!table) return Error::from_errno(list);
  const std::unique_ptr<libmnt_iter, FreeIterator> iterator(mnt_new_iter(MNT_ITER_FORWARD));
  std::optional<std::string> found;
  bool whole = false;
  for (libmnt_fs* entry = nullptr; mnt_table_next_fs(table.get(), iterator.get(), &entry) == 0;) {
    if (!wanted.is(entry)) continue;
    const bool is_whole = text_or_empty(mnt_fs_get_root(entry)) == "/";
    if (found && (whole || !is_whole)) continue;
    const std::string point = text_or_empty(mnt_fs_get_target(entry));
    found = root + (point == "/" && !root.empty() ? "" : point);
    whole = is_whole;
  }
  return found;
}

}  // namespace kdump
