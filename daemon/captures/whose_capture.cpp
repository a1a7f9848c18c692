#include "daemon/captures/whose_capture.h"

#include "daemon/captures/capture_listing.h"
#include "daemon/captures/capture_manifest.h"
#include "daemon/captures/places.h"
#include "initramfs/plan/dump_name.h"

namespace kdump {

bool is_named_after(const std::string& name, const HostNames& host) {
  const std::string head = host.naming.substr(0, host.naming.find("{time}"));
  const bool by_ip = head.find("{ip}") != std::string::npos;
  if (!by_ip && head.find("{hostname}") == std::string::npos) return false;
  if (by_ip && host.ip.empty()) return false;
  const std::string ours =
      dump_directory_name({.pattern = head, .ip = host.ip, .hostname = host.hostname}, 0);
  // "db1" is not "db10": the time follows at once.
  return name.starts_with(ours) && name.substr(ours.size()).starts_with("20") &&
         is_capture_name(name);
}

Whose whose_capture(const std::string& name, const std::optional<std::string>& manifest,
                    const HostNames& host) {
  Capture told;
  if (manifest) (void)read_manifest(*manifest, told);
  if (!told.hostname.empty()) {
    if (told.hostname != host.hostname) return Whose::of_another;
    // A copy under another name is somebody's, who wanted to keep it.
    return is_name_of_host(told.hostname, host.hostname) && manifest_id(*manifest) == name
               ? Whose::ours
               : Whose::perhaps;
  }
  return is_named_after(name, host) ? Whose::perhaps : Whose::of_another;
}

}  // namespace kdump
