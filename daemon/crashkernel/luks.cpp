#include "daemon/crashkernel/luks.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "initramfs/capture/unlock.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// The fields of a line of /proc/self/mountinfo that count here; proc(5) numbers them 3, 5 and,
// after a lone "-", 2.
struct Mount {
  std::string device, mount_point, source;
};

std::vector<Mount> read_mounts(const HostPaths& paths) {
  std::vector<Mount> mounts;
  const auto text = read_text_file(paths.mountinfo(), size_t{16} << 20);
  if (!text) return mounts;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    Mount mount;
    std::string skipped;
    fields >> skipped >> skipped >> mount.device >> skipped >> mount.mount_point;
    while (fields >> skipped && skipped != "-") {
    }
    fields >> skipped >> mount.source;
    if (fields) mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool holds(const std::string& mount_point, const std::string& path) {
  return mount_point == "/" || path == mount_point || path.starts_with(mount_point + "/");
}

// "vda3" for /dev/vda3, and for links to it; "" if it is not there.
std::string kernel_name(const std::string& device_file) {
  std::error_code failed;
  const fs::path real = fs::canonical(device_file, failed);
  return failed ? "" : real.filename().string();
}

std::string device_of_path(const HostPaths& paths, const std::string& path) {
  Mount best;
  for (const Mount& mount : read_mounts(paths))  // of equal ones the last is on top
    if (holds(mount.mount_point, path) && mount.mount_point.size() >= best.mount_point.size())
      best = mount;
  if (best.mount_point.empty()) return "";
  // btrfs has device numbers that no device has; its source is one of its devices.
  std::string name = kernel_name(paths.block_devices_by_number() + "/" + best.device);
  if (name.empty() && best.source.starts_with("/dev/"))
    name = kernel_name(paths.root + best.source);
  return name;
}

std::string device_of_target(const HostPaths& paths, const Settings& settings,
                             const Target& target) {
  if (target.kind == TargetKind::path)
    return device_of_path(paths, target.path.empty() ? settings.path : target.path);
  if (target.kind != TargetKind::filesystem && target.kind != TargetKind::raw) return "";
  struct Tag {
    std::string_view tag;
    const char* folder;
  };
  for (const Tag& tag : {Tag{"UUID=", "by-uuid"}, Tag{"LABEL=", "by-label"},
                         Tag{"PARTUUID=", "by-partuuid"}, Tag{"PARTLABEL=", "by-partlabel"}})
    if (target.device.starts_with(tag.tag))
      return kernel_name(paths.root + "/dev/disk/" + tag.folder + "/" +
                         target.device.substr(tag.tag.size()));
  return target.device.starts_with("/dev/") ? kernel_name(paths.root + target.device) : "";
}

// "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-name" → "01234567-89ab-…"; "" for others.
std::string uuid_of(const std::string& dm_uuid) {
  constexpr size_t kDigits = 32;
  const size_t begin = std::string_view("CRYPT-LUKS2-").size();
  if (!dm_uuid.starts_with("CRYPT-LUKS") || dm_uuid.size() < begin + kDigits) return "";
  std::string uuid = dm_uuid.substr(begin, kDigits);
  for (const size_t at : {8, 13, 18, 23})
    uuid.insert(at, "-");
  return uuid;
}

void collect(const HostPaths& paths, const std::string& name, std::vector<LuksVolume>& volumes,
             int depth) {
  constexpr int kDeepest = 16;  // of devices upon devices; a loop would be the kernel's
  if (name.empty() || depth > kDeepest) return;
  const std::string folder = paths.block_devices() + "/" + name;
  const auto dm_uuid = read_text_file(folder + "/dm/uuid");
  const std::string uuid = dm_uuid ? uuid_of(*dm_uuid) : "";
  std::error_code failed;
  for (const auto& slave : fs::directory_iterator(folder + "/slaves", failed)) {
    const std::string below = slave.path().filename();
    const bool known = std::any_of(volumes.begin(), volumes.end(),
                                   [&](const LuksVolume& volume) { return volume.uuid == uuid; });
    if (!uuid.empty() && !known)
      volumes.push_back({uuid, below, luks_kdf_bytes(paths.root + "/dev/" + below)});
    collect(paths, below, volumes, depth + 1);
  }
}

}  // namespace

uint64_t luks_kdf_bytes(const std::string& device_file) {
  // LUKS2 On-Disk Format: a binary header of 4096 bytes, big-endian, then JSON up to hdr_size.
  constexpr size_t kBinaryHeader = 4096;
  constexpr size_t kMostHeader = size_t{4} << 20;
  const auto fd = open_file(device_file, O_RDONLY);
  if (!fd) return 0;
  std::vector<std::byte> header(kMostHeader);
  const auto size = pread_some(*fd, header, FileOffset(0), device_file);
  if (!size || *size <= kBinaryHeader) return 0;
  const auto big_endian = [&](size_t at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i)
      value = value << 8 | static_cast<uint64_t>(header[at + i]);
    return value;
  };
  if (!as_text(header).starts_with("LUKS\xba\xbe") || big_endian(6, 2) != 2) return 0;
  const size_t end = std::min<uint64_t>(big_endian(8, 8), *size);
  if (end <= kBinaryHeader) return 0;
  std::string_view text = as_text(header).substr(kBinaryHeader, end - kBinaryHeader);
  text = text.substr(0, text.find('\0'));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("keyslots") || !json["keyslots"].is_object()) return 0;
  uint64_t most = 0;
  for (const auto& slot : json["keyslots"]) {
    if (!slot.is_object() || !slot.contains("kdf") || !slot["kdf"].is_object()) continue;
    const auto memory = slot["kdf"].find("memory");  // KiB; argon2i and argon2id have it
    if (memory == slot["kdf"].end() || !memory->is_number_unsigned()) continue;
    most = std::max(most, std::min<uint64_t>(memory->get<uint64_t>(), uint64_t{1} << 32) * 1024);
  }
  return most;
}

std::vector<LuksVolume> luks_volumes(const HostPaths& paths, const Settings& settings) {
  std::vector<LuksVolume> volumes;
  for (const Target& target : settings.targets)
    collect(paths, device_of_target(paths, settings, target), volumes, 0);
  return volumes;
}

std::string link_volume_key_option(const LuksVolume& volume) {
  return "link-volume-key=@u::%logon:" + volume_key_name(volume.uuid);
}

}  // namespace kdump
