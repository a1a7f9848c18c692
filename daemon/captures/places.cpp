#include "daemon/captures/places.h"

#include <algorithm>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "initramfs/image/mounted.h"

namespace kdump {

namespace {

bool same_directory(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  if (::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0) return a == b;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// "" if there is none to look at.
std::string directory_of(const HostPaths& paths, const Settings& settings, const Target& target,
                         std::vector<std::string>& problems) {
  const std::string& path = target.path.empty() ? settings.path : target.path;
  switch (target.kind) {
    case TargetKind::path:
      return paths.root + path;
    case TargetKind::raw:
      return recovery_directory(paths, settings);
    case TargetKind::filesystem:
    case TargetKind::nfs: {
      const auto point = find_mounted(paths.root, target);
      if (!point) {
        problems.push_back(target.describe() + ": " + point.error().message());
        return "";
      }
      if (!*point) {
        problems.push_back(target.describe() + ": not mounted, so captures on it are not seen");
        return "";
      }
      return (**point == "/" ? "" : **point) + path;
    }
    case TargetKind::ssh:
    case TargetKind::sftp:
      break;
  }
  return "";
}

}  // namespace

bool is_name_of_host(const std::string& in_manifest, const std::string& hostname) {
  const std::string first = hostname.substr(0, hostname.find('.'));
  return !in_manifest.empty() && in_manifest == hostname && first != "localhost" &&
         first != "(none)";
}

std::string recovery_directory(const HostPaths& paths, const Settings& settings) {
  return paths.root + settings.path;
}

std::vector<CapturePlace> capture_places(const HostPaths& paths, const Settings& settings,
                                         std::vector<std::string>& problems) {
  utsname names{};
  (void)::uname(&names);
  std::vector<CapturePlace> places;
  for (const Target& target : settings.targets) {
    const std::string directory = directory_of(paths, settings, target, problems);
    const bool known = std::any_of(places.begin(), places.end(), [&](const CapturePlace& place) {
      return same_directory(place.directory, directory);
    });
    if (directory.empty() || known) continue;
    const bool shared = target.kind == TargetKind::nfs || target.type == "virtiofs";
    places.push_back({directory, shared, names.nodename});
  }
  return places;
}

}  // namespace kdump
