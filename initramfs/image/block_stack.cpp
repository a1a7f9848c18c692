#include "initramfs/image/block_stack.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "initramfs/plan/block_device.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// Deeper than anybody builds: sysfs has no loops, and yet.
constexpr int kDeepest = 16;

std::string first_line(const fs::path& path) {
  const auto text = read_text_file(path);
  return text ? text->substr(0, text->find('\n')) : "";
}

// "CRYPT-LUKS2-0123…-name" → "01234567-89ab-…".
std::string luks_uuid(const std::string& dm_uuid) {
  const size_t dash = dm_uuid.find('-', std::string_view("CRYPT-").size());
  if (dash == std::string::npos || dm_uuid.size() < dash + 33) return "";
  std::string uuid = dm_uuid.substr(dash + 1, 32);
  for (const size_t at : {8, 13, 18, 23})
    uuid.insert(at, 1, '-');
  return uuid;
}

// "dm", "md", or "" for a plain device.
std::string assembled_as(const std::string& kernel_name, const std::string& sysfs) {
  std::error_code failed;
  const fs::path real = fs::canonical(fs::path(sysfs) / "class/block" / kernel_name, failed);
  if (failed) return "";
  if (fs::exists(real / "dm", failed)) return "dm";
  // A partition lies in the folder of what it is a part of.
  const bool is_md =
      fs::exists(real / "md", failed) ||
      (fs::exists(real / "partition", failed) && fs::exists(real.parent_path() / "md", failed));
  return is_md ? "md" : "";
}

class Walk {
 public:
  explicit Walk(std::string sysfs) : sysfs_(std::move(sysfs)) {}

  Result<void> visit(const std::string& name, int depth) {
    if (!seen_.insert(name).second || depth > kDeepest) return {};
    const fs::path entry = fs::path(sysfs_) / "class/block" / name;
    std::error_code failed;
    const fs::path real = fs::canonical(entry, failed);
    if (failed) return Error::from_errno(entry.string(), failed.value());
    // A partition of something assembled (md, multipath has none) lies in that one's folder.
    const std::string above = real.parent_path().filename();
    const bool is_partition = fs::exists(real / "partition", failed);
    const std::string whole = is_partition ? above : name;

    if (assembled_as(name, sysfs_).empty()) {
      KDUMP_TRY(check_disk(name, real));
      stack_.disks.push_back(name);
      return {};
    }
    if (is_partition) return visit(whole, depth + 1);
    stack_.layers.push_back(layer(name, real));
    for (fs::directory_iterator it(real / "slaves", failed), end; !failed && it != end;
         it.increment(failed))
      KDUMP_TRY(visit(it->path().filename(), depth + 1));
    return {};
  }

  BlockStack take() { return std::move(stack_); }

 private:
  [[nodiscard]] BlockLayer layer(const std::string& name, const fs::path& real) const {
    BlockLayer layer;
    layer.name = name;
    std::error_code failed;
    if (!fs::exists(real / "dm", failed)) {
      layer.kind = LayerKind::md;
      return layer;
    }
    layer.mapper = first_line(real / "dm/name");
    layer.uuid = first_line(real / "dm/uuid");
    if (layer.uuid.starts_with("LVM-")) {
      layer.kind = stands_on_pool(real) ? LayerKind::thin_lvm : LayerKind::lvm;
    } else if (layer.uuid.starts_with("CRYPT-LUKS")) {
      layer.kind = LayerKind::luks;
      layer.uuid = luks_uuid(layer.uuid);
    } else if (layer.uuid.starts_with("mpath-") ||
               layer.uuid.find("-mpath-") != std::string::npos) {
      layer.kind = LayerKind::multipath;
    }
    return layer;
  }

  static bool stands_on_pool(const fs::path& real) {
    std::error_code failed;
    for (fs::directory_iterator it(real / "slaves", failed), end; !failed && it != end;
         it.increment(failed))
      if (first_line(it->path() / "dm/uuid").ends_with("-tpool")) return true;
    return false;
  }

  [[nodiscard]] static Error refuse(const std::string& name, const std::string& what) {
    return {Errc::unsupported,
            "/dev/" + name + " is " + what +
                ": no capture image of this version can have it again; name another file system in "
                "kdump.conf, such as ext4 UUID=…"};
  }

  static Result<void> check_disk(const std::string& name, const fs::path& real) {
    if (real.string().find("/devices/virtual/block/") != std::string::npos)
      return refuse(name, name.starts_with("loop") ? "a loop device" : "a virtual device");
    return {};
  }

  const std::string sysfs_;
  std::set<std::string> seen_;
  BlockStack stack_;
};

}  // namespace

Result<BlockStack> block_stack(const std::string& kernel_name, const std::string& sysfs) {
  Walk walk(sysfs);
  KDUMP_TRY(walk.visit(kernel_name, 0));
  BlockStack stack = walk.take();
  if (stack.disks.empty())
    return Error(Errc::unsupported,
                 "/dev/" + kernel_name + ": stands on no disk that sysfs would show");
  return stack;
}

std::string_view name_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::lvm:
      return "LVM";
    case LayerKind::thin_lvm:
      return "thin LVM";
    case LayerKind::luks:
      return "LUKS";
    case LayerKind::multipath:
      return "multipath";
    case LayerKind::md:
      return "md RAID";
    case LayerKind::device_mapper:
      break;
  }
  return "the device mapper";
}

std::string assembled_path(const std::string& kernel_name, const std::string& sysfs,
                           const std::string& by_id) {
  const std::string kind = assembled_as(kernel_name, sysfs);
  if (kind.empty()) return "";
  if (kind == "dm")
    return "/dev/mapper/" + first_line(fs::path(sysfs) / "class/block" / kernel_name / "dm/name");
  std::string best;  // of several names the same one each time
  std::error_code failed;
  for (fs::directory_iterator it(by_id, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string path = it->path();
    if (!it->path().filename().string().starts_with("md-uuid-")) continue;
    std::error_code gone;
    if (fs::read_symlink(it->path(), gone).filename() != kernel_name) continue;
    if (best.empty() || path < best) best = path;
  }
  return best.empty() ? device_path(kernel_name) : best;
}

}  // namespace kdump
