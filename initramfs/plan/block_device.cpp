#include "initramfs/plan/block_device.h"

#include <algorithm>
#include <blkid.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestName = 4096;  // of what sysfs says of a disk

struct FreeProbe {
  void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

std::string value_of(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0 || !value) return "";
  return value;
}

// Never a target, and slow to open (a floppy drive answers after seconds) or without end in number.
bool is_pointless(std::string_view name) {
  for (const std::string_view prefix : {"fd", "sr", "ram", "zram"})
    if (name.starts_with(prefix) && name.size() > prefix.size() && name[prefix.size()] >= '0' &&
        name[prefix.size()] <= '9')
      return true;
  return false;
}

bool is_empty_device(const fs::path& entry) {
  const auto size = read_text_file(entry / "size");
  return !size || size->empty() || *size == "0\n";
}

bool has_holders(const std::string& name) {
  std::error_code ignored;
  const fs::directory_iterator holders("/sys/class/block/" + name + "/holders", ignored);
  return !ignored && holders != fs::directory_iterator();
}

// Names are padded with blanks ("t10.ATA     QEMU HARDDISK   QM00001").
std::string without_blanks(const std::string& text) {
  std::string name;
  for (const char c : text) {
    if (c > ' ' && c < 0x7f)
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  while (!name.empty() && name.back() == '_')
    name.pop_back();
  return name;
}

bool is_block_device(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

}  // namespace

std::string device_path(const std::string& kernel_name) {
  std::string path = "/dev/" + kernel_name;
  std::replace(path.begin(), path.end(), '!', '/');
  return path;
}

Result<BlockIdentity> probe_block_device(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  const Probe probe(blkid_new_probe());
  if (!probe) return Error(Errc::no_memory, path + ": no memory to look at it");
  if (blkid_probe_set_device(probe.get(), fd.get(), 0, 0) != 0)
    return Error::from_errno(path + ": cannot be looked at", errno != 0 ? errno : EIO);
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(),
                                    BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
  blkid_probe_enable_partitions(probe.get(), 1);
  blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
  errno = 0;
  const int rc = blkid_do_safeprobe(probe.get());
  if (rc == -1) return Error::from_errno(path + ": read", errno != 0 ? errno : EIO);
  if (rc == -2)
    return Error(Errc::bad_input,
                 path + ": has signatures of several file systems (wipefs -n shows them)");
  BlockIdentity identity;
  identity.type = value_of(probe.get(), "TYPE");
  identity.uuid = value_of(probe.get(), "UUID");
  identity.label = value_of(probe.get(), "LABEL");
  identity.part_uuid = value_of(probe.get(), "PART_ENTRY_UUID");
  identity.part_label = value_of(probe.get(), "PART_ENTRY_NAME");
  return identity;
}

bool matches(const BlockIdentity& identity, const std::string& spec) {
  const size_t equals = spec.find('=');
  if (spec.starts_with('/') || equals == std::string::npos) return false;
  const std::string_view key = std::string_view(spec).substr(0, equals);
  std::string_view value = std::string_view(spec).substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (value.empty()) return false;
  if (key == "UUID") return value == identity.uuid;
  if (key == "LABEL") return value == identity.label;
  if (key == "PARTUUID") return value == identity.part_uuid;
  if (key == "PARTLABEL") return value == identity.part_label;
  return false;
}

std::string hardware_name(const std::string& kernel_name, const std::string& sysfs) {
  constexpr std::pair<std::string_view, const char*> kPlaces[] = {
      {"WWID=", "wwid"},              // NVMe
      {"WWID=", "device/wwid"},       // SCSI, SATA, SAS
      {"SERIAL=", "serial"},          // virtio
      {"SERIAL=", "device/serial"}};  // MMC
  const fs::path entry = fs::path(sysfs) / "class/block" / kernel_name;
  std::error_code failed;
  if (fs::exists(entry / "partition", failed)) return "";
  for (const auto& [key, place] : kPlaces) {
    const auto text = read_text_file(entry / place, kLongestName);
    if (!text) continue;
    if (const std::string name = without_blanks(*text); !name.empty())
      return std::string(key).append(name);
  }
  return "";
}

std::string stable_spec(const BlockIdentity& identity, const std::string& kernel_name,
                        const std::string& otherwise) {
  if (!identity.uuid.empty()) return "UUID=" + identity.uuid;
  if (!identity.part_uuid.empty()) return "PARTUUID=" + identity.part_uuid;
  const std::string by_hardware = hardware_name(kernel_name);
  return by_hardware.empty() ? otherwise : by_hardware;
}

Result<std::string> kernel_name_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(path);
  if (!S_ISBLK(info.st_mode)) return Error(Errc::usage, path + ": not a block device");
  const std::string entry = "/sys/dev/block/" + std::to_string(major(info.st_rdev)) + ":" +
                            std::to_string(minor(info.st_rdev));
  std::error_code failed;
  const fs::path real = fs::canonical(entry, failed);
  if (failed) return Error::from_errno(entry, failed.value());
  return real.filename().string();
}

Result<std::string> BlockDeviceSearch::find() {
  names_.clear();
  std::error_code failed;
  for (fs::directory_iterator it("/sys/class/block", failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename();
    if (!is_pointless(name) && !is_empty_device(it->path())) names_.push_back(name);
  }
  std::sort(names_.begin(), names_.end());

  if (spec_.starts_with('/')) {
    if (is_block_device(spec_)) return spec_;
    return Error(Errc::not_found, spec_ + ": no such block device");
  }
  std::vector<std::string> found;
  const bool by_hardware = spec_.starts_with("WWID=") || spec_.starts_with("SERIAL=");
  for (const std::string& name : names_) {
    if (by_hardware) {
      if (hardware_name(name) == spec_) found.push_back(name);
      continue;
    }
    auto known = known_.find(name);
    if (known == known_.end()) {
      auto identity = probe_block_device(device_path(name));
      if (!identity) continue;  // not ready yet, or no medium: asked again next time
      known = known_.emplace(name, std::move(*identity)).first;
    }
    if (matches(known->second, spec_)) found.push_back(name);
  }
  if (found.empty()) return Error(Errc::not_found, spec_ + ": no block device has it");
  // A path of a multipath device or a leg of a mirror has the same superblock as what is on top of
  // it. What nothing else stands on is the top.
  const auto top = std::find_if_not(found.begin(), found.end(), has_holders);
  return device_path(top != found.end() ? *top : found.front());
}

std::string BlockDeviceSearch::seen() const {
  std::string list;
  for (const std::string& name : names_)
    list += (list.empty() ? "" : " ") + name;
  return list.empty() ? "none" : list;
}

}  // namespace kdump
