#include "initramfs/image/device_modules.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  const auto text = read_text_file(file);
  if (!text) return "";
  return text->substr(0, text->find('\n'));
}

class Walk {
 public:
  explicit Walk(const std::string& sysfs) {
    std::error_code ignored;
    devices_ = fs::canonical(fs::path(sysfs) / "devices", ignored);
  }

  // A device and all above it. The kernel lets a driver bind before what is below it exists, so the
  // way from the root downwards is the order in which they are needed.
  void visit(const fs::path& device) {
    std::error_code failed;
    const fs::path real = fs::canonical(device, failed);
    if (failed || !is_below_devices(real)) return;
    std::vector<fs::path> chain;
    for (fs::path at = real; at != devices_; at = at.parent_path())
      chain.push_back(at);
    for (auto it = chain.rbegin(); it != chain.rend(); ++it)
      if (visited_.insert(it->string()).second) look_at(*it);
  }

  DeviceDrivers take() { return std::move(found_); }

 private:
  [[nodiscard]] bool is_below_devices(const fs::path& path) const {
    return !devices_.empty() && path.string().starts_with(devices_.string() + "/");
  }

  void look_at(const fs::path& device) {
    std::error_code failed;
    for (fs::directory_iterator it(device, failed), end; !failed && it != end;
         it.increment(failed)) {
      const std::string name = it->path().filename();
      if (name.starts_with("supplier:")) visit(it->path() / "supplier");
      // With NVMe's own multipath the disk belongs to a virtual subsystem, whose links lead to the
      // controllers.
      if (device.filename().string().starts_with("nvme-subsys") && name.starts_with("nvme") &&
          it->is_symlink())
        visit(it->path());
    }
    if (!fs::exists(device / "driver", failed)) return;  // nobody drives it: nothing needs it
    const fs::path module = fs::canonical(device / "driver" / "module", failed);
    if (!failed) {
      add(found_.modules, module.filename());
    } else if (const std::string alias = first_line(device / "modalias"); !alias.empty()) {
      add(found_.aliases, alias);
    }
  }

  static void add(std::vector<std::string>& to, const std::string& what) {
    if (std::find(to.begin(), to.end(), what) == to.end()) to.push_back(what);
  }

  fs::path devices_;
  std::set<std::string> visited_;
  DeviceDrivers found_;
};

}  // namespace

Result<DeviceDrivers> find_device_drivers(const std::string& kernel_name,
                                          const std::string& sysfs) {
  return find_class_drivers("block/" + kernel_name, sysfs);
}

Result<DeviceDrivers> find_class_drivers(const std::string& class_and_name,
                                         const std::string& sysfs) {
  return find_drivers_at("class/" + class_and_name, sysfs);
}

Result<DeviceDrivers> find_drivers_at(const std::string& below_sysfs, const std::string& sysfs) {
  const fs::path entry = fs::path(sysfs) / below_sysfs;
  std::error_code failed;
  if (!fs::exists(entry, failed))
    return Error(Errc::not_found, entry.string() + ": no such device in sysfs");
  Walk walk(sysfs);
  walk.visit(entry);
  return walk.take();
}

Result<void> check_plain_device(const std::string& kernel_name, const std::string& sysfs) {
  const fs::path entry = fs::path(sysfs) / "class/block" / kernel_name;
  const std::string uuid = first_line(entry / "dm/uuid");
  const auto refuse = [&](const std::string& what) {
    return Error(Errc::unsupported,
                 "/dev/" + kernel_name + " is " + what +
                     ": the native capture image needs a plain disk or partition; name one in "
                     "kdump.conf, such as ext4 UUID=…");
  };
  if (uuid.starts_with("LVM-")) return refuse("an LVM volume");
  if (uuid.starts_with("CRYPT-")) return refuse("encrypted (LUKS)");
  if (uuid.starts_with("mpath-") || uuid.find("-mpath-") != std::string::npos)
    return refuse("a multipath device");
  std::error_code failed;
  const std::string real = fs::canonical(entry, failed).string();
  if (real.find("/devices/virtual/block/") == std::string::npos) return {};
  const std::string_view name = kernel_name;
  if (name.starts_with("dm-")) return refuse("a device-mapper volume");
  if (name.starts_with("md")) return refuse("a software RAID (md)");
  if (name.starts_with("loop")) return refuse("a loop device");
  return refuse("a virtual device");
}

}  // namespace kdump
