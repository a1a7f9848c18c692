// Options of NFS mounts: from how the host mounts an export to how the capture kernel does, which
// has neither mount.nfs nor rpc.statd, and must get an error from a server that is gone.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

// What a capture keeps of options from fstab or mountinfo: version, sizes, ports. Errc::unsupported
// with the reason for what needs a daemon (Kerberos, TLS) or other hardware (RDMA).
Result<std::string> nfs_options_for_capture(std::string_view options);

// The versions to try, the best first: "4.2", "3" …
std::vector<std::string> nfs_versions(std::string_view options);

// What mount(2) gets: `options` are of nfs_options_for_capture().
struct NfsMount {
  std::string address, client_address;    // numeric
  std::chrono::seconds stall_limit{600};  // after so long without an answer writes fail
};
std::string nfs_mount_data(std::string_view options, const std::string& version,
                           const NfsMount& mount);

// "[2001:db8::7]:/export" → "2001:db8::7"; "" for what is no export.
std::string nfs_host(const std::string& source);

}  // namespace kdump
