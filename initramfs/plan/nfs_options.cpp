#include "initramfs/plan/nfs_options.h"

#include <algorithm>
#include <array>

#include "initramfs/plan/mount_options.h"

namespace kdump {

namespace {

// What else there is concerns caches, locks and daemons; transport and address are given anew.
constexpr std::array<std::string_view, 9> kKept = {
    "vers", "minorversion", "port", "rsize", "wsize", "mountport", "mounthost", "mountvers", "sec"};

std::string_view key_of(std::string_view option) {
  return option.substr(0, option.find('='));
}

std::string value_of(const std::string& option) {
  const size_t equals = option.find('=');
  return equals == std::string::npos ? "" : option.substr(equals + 1);
}

// "nfsvers=3", "v4.2" and "vers=3" are the same thing.
std::string normalized(const std::string& option) {
  if (option.starts_with("nfsvers=")) return "vers=" + option.substr(8);
  if (option.size() > 1 && option[0] == 'v' && option[1] >= '2' && option[1] <= '4')
    return "vers=" + option.substr(1);
  return option;
}

Error needs(const std::string& option, const std::string& what) {
  return {Errc::unsupported, "mount option " + option + " needs " + what +
                                 ", which the capture image does not have: export it to this host "
                                 "with sec=sys over TCP as well, and mount it so"};
}

}  // namespace

Result<std::string> nfs_options_for_capture(std::string_view options) {
  std::string kept = "rw";
  for (const std::string& word : split_mount_options(options)) {
    const std::string option = normalized(word);
    const std::string_view key = key_of(option);
    const std::string value = value_of(option);
    if (key == "sec" && value != "sys" && value != "none")
      return needs(option, "rpc.gssd and a ticket");
    if (key == "xprtsec" && value != "none") return needs(option, "tlshd");
    if (option == "rdma" || (key == "proto" && value.starts_with("rdma")))
      return needs(option, "RDMA hardware");
    const bool udp = option == "udp" || (key == "proto" && value.starts_with("udp"));
    if (udp) kept += ",udp";
    if (std::find(kKept.begin(), kKept.end(), key) != kKept.end() || option == "noresvport")
      kept.append(",").append(option);
  }
  return kept;
}

std::vector<std::string> nfs_versions(std::string_view options) {
  const auto version = mount_option_value(options, "vers");
  const auto minor = mount_option_value(options, "minorversion");
  if (version && *version == "4" && minor) return {"4." + *minor};
  if (version && *version != "4") return {*version};
  std::vector<std::string> versions = {"4.2", "4.1", "4.0"};
  if (!version) versions.emplace_back("3");
  return versions;
}

std::string nfs_mount_data(std::string_view options, const std::string& version,
                           const NfsMount& mount) {
  std::string data = "vers=" + version;
  for (const std::string& option : split_mount_options(options)) {
    const std::string_view key = key_of(option);
    // mount(2) has no word for the first; the second is in the version.
    if (key != "rw" && key != "vers" && key != "minorversion") data.append(",").append(option);
  }
  // The kernel's words for minutes without an answer: each request is sent again at timeo and at
  // twice that, in tenths of a second, and fails at thrice that. Until then, a server that comes
  // back is gone on with. Requests of version 4 fail only when the connection breaks; a server that
  // keeps it and says nothing is given up by who waits for the dump to move.
  const auto tenths = std::clamp<int64_t>(mount.stall_limit.count() * 10 / 3, 10, 6000);
  data += ",soft,retrans=2,timeo=" + std::to_string(tenths);
  if (version.starts_with("4")) {
    data += ",clientaddr=" + mount.client_address;
  } else {
    data += ",nolock";  // there is no rpc.statd, and nobody else writes there
  }
  return data + ",addr=" + mount.address;
}

std::string nfs_host(const std::string& source) {
  const size_t colon = source.find(":/");
  if (colon == std::string::npos) return "";
  std::string host = source.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace kdump
