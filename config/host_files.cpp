#include "config/host_files.h"

#include <algorithm>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include "config/words.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

class Checker {
 public:
  Checker(LoadedSettings& loaded, const std::string& root) : loaded_(loaded), root_(root) {}

  std::vector<Error> check() {
    const Settings& settings = loaded_.settings;
    check_program("kdump_pre", settings.kdump_pre);
    check_program("kdump_post", settings.kdump_post);
    check_program("kdump_emergency", settings.kdump_emergency);
    for (const std::string& program : settings.extra_bins)
      check_program("extra_bins", program);
    if (!settings.notify_command.empty()) check_program("notify", settings.notify_command.front());
    check_key();
    check_target_keys();
    check_fence_nodes();
    return std::move(errors_);
  }

 private:
  [[nodiscard]] std::string origin_of(const std::string& name) const {
    const auto origin = loaded_.origins.find(name);
    return origin == loaded_.origins.end() ? name : origin->second;
  }

  void fail(const std::string& where, const std::string& what, Errc code) {
    errors_.emplace_back(code, where + ": " + what);
  }

  void check_program(const std::string& name, const std::string& program) {
    if (program.empty()) return;
    const std::string where = origin_of(name);
    const std::string file = root_ + program;
    struct stat status {};
    if (!program.starts_with("/"))
      fail(where, name + ": " + in_quotes(program) + " not found; write its whole path, from /",
           Errc::usage);
    else if (::stat(file.c_str(), &status) != 0)
      fail(where, name + ": " + file + " not found", Errc::not_found);
    else if (!S_ISREG(status.st_mode) || ::access(file.c_str(), X_OK) != 0)
      fail(where, name + ": " + file + " is not executable; chmod +x it, or remove the line",
           Errc::usage);
  }

  [[nodiscard]] bool is_file(const std::string& path) const {
    struct stat status {};
    return path.starts_with("/") && ::stat((root_ + path).c_str(), &status) == 0 &&
           S_ISREG(status.st_mode);
  }

  void check_key() {
    Settings& settings = loaded_.settings;
    const std::string fallback = Settings{}.sshkey;
    if (settings.sshkey == fallback || is_file(settings.sshkey)) return;
    loaded_.warnings.push_back(origin_of("sshkey") + ": sshkey " + in_quotes(settings.sshkey) +
                               " is not there, so " + fallback + " is used");
    settings.sshkey = fallback;
    loaded_.origins.erase("sshkey");
  }

  void check_target_keys() {
    for (const Target& target : loaded_.settings.targets)
      if (!target.key.empty() && !is_file(target.key))
        fail(target.origin, target.describe() + ": key " + root_ + target.key + " not found",
             Errc::not_found);
  }

  // A node that takes itself for a peer would fence nobody, or itself.
  void check_fence_nodes() {
    const std::vector<std::string>& nodes = loaded_.settings.fence_kdump_nodes;
    if (nodes.empty()) return;
    std::vector<std::string> own;
    if (auto name = read_text_file(root_ + "/proc/sys/kernel/hostname"))
      own.emplace_back(trimmed(*name));
    if (root_.empty()) add_own_addresses(own);
    for (const std::string& node : nodes)
      if (std::ranges::find(own, node) != own.end())
        fail(origin_of("fence_kdump_nodes"),
             "fence_kdump_nodes cannot contain " + in_quotes(node) +
                 ", which is this host; name the other nodes only",
             Errc::usage);
  }

  static void add_own_addresses(std::vector<std::string>& own) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr) continue;
      const int family = entry->ifa_addr->sa_family;
      const void* address = nullptr;
      const void* const any = entry->ifa_addr;
      if (family == AF_INET) address = &static_cast<const sockaddr_in*>(any)->sin_addr;
      if (family == AF_INET6) address = &static_cast<const sockaddr_in6*>(any)->sin6_addr;
      char text[INET6_ADDRSTRLEN] = "";
      if (address != nullptr && ::inet_ntop(family, address, text, sizeof text) != nullptr)
        own.emplace_back(text);
    }
  }

  LoadedSettings& loaded_;
  const std::string& root_;
  std::vector<Error> errors_;
};

}  // namespace

std::vector<Error> check_host_files(LoadedSettings& loaded, const std::string& root) {
  return Checker(loaded, root).check();
}

}  // namespace kdump
