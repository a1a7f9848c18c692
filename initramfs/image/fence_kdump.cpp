#include "initramfs/image/fence_kdump.h"

#include <array>
#include <unistd.h>

#include "config/words.h"
#include "initramfs/image/network_host.h"

namespace kdump {

std::string find_fence_kdump_send(const std::string& root) {
  // RHEL, Debian, SUSE.
  constexpr std::array kPlaces = {
      "/usr/libexec/fence_kdump_send", "/usr/libexec/fence-agents/fence_kdump_send",
      "/usr/lib/fence-agents/fence_kdump_send", "/usr/lib/fence_kdump_send"};
  for (const char* place : kPlaces)
    if (::access((root + place).c_str(), X_OK) == 0) return root + place;
  return "";
}

Result<std::vector<std::string>> plan_fence_kdump(const Settings& settings) {
  std::vector<std::string> argv;
  if (settings.fence_kdump_nodes.empty()) return argv;
  if (find_fence_kdump_send().empty())
    return Error(Errc::not_found,
                 "fence_kdump_nodes: fence_kdump_send is not on this host: install "
                 "fence-agents-kdump (Debian: fence-agents), or remove the line");
  argv.emplace_back(kFenceKdumpPath);
  for (std::string& word : split_words(settings.fence_kdump_args))
    argv.push_back(std::move(word));
  for (const std::string& node : settings.fence_kdump_nodes) {
    auto address = resolve_host(node);
    if (!address) return std::move(address).error().context("fence_kdump_nodes");
    argv.push_back(*std::move(address));
  }
  return argv;
}

}  // namespace kdump
