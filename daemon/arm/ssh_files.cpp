#include "daemon/arm/ssh_files.h"

#include <array>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initramfs/capture/random_seed.h"
#include "initramfs/image/target.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

bool is_ssh(TargetKind kind) {
  return kind == TargetKind::ssh || kind == TargetKind::sftp;
}

std::vector<std::string> config_files(const HostPaths& paths) {
  return {paths.root_ssh() + "/config", paths.global_ssh_config()};
}

// Known, and not revoked.
Result<std::string> lines_for(const HostPaths& paths, const SshAddress& address) {
  KDUMP_TRY_ASSIGN(const KnownHosts known, known_hosts_for(paths, address));
  std::string lines;
  for (const KnownHosts::Known& each : known.keys_of(address)) {
    const std::string line = address.known_name() + " " + each.key.line() + "\n";
    if (each.revoked) {
      lines += "@revoked " + line;
    } else if (lines.find(line) == std::string::npos) {
      lines += line;
    }
  }
  if (lines.find("\n" + address.known_name() + " ") != std::string::npos ||
      lines.starts_with(address.known_name() + " "))
    return lines;
  return Error(Errc::not_found, address.describe() +
                                    ": its host key is not known here, and nobody can say yes to "
                                    "it after a crash: run 'kdumpctl propagate'");
}

Result<void> publish_if_other(const std::string& path, const std::string& text) {
  const auto there = read_text_file(path);
  if (there && *there == text) return {};
  return publish_file(path, as_bytes(text), 0600);
}

Result<void> make_seed(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return {};
  std::array<char, 256> seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size()))
    return Error::from_errno("getrandom");
  return publish_file(path, as_bytes({seed.data(), seed.size()}), 0600);
}

// Whether it could log in after a crash.
Result<void> check_login(const HostPaths& paths, const TargetPlan& target, const SshTarget& meant) {
  // Neither the image nor known_hosts has the name that ssh would go by.
  const std::string real = ssh_config_host_name(target.host, config_files(paths));
  if (real != target.host)
    return Error(Errc::unsupported,
                 target.name() + ": ssh_config makes " + target.host + " another name of " + real +
                     ", which is not followed: write " + target.user + "@" + real);
  KDUMP_TRY(read_target_key(meant.key_file));
  KDUMP_TRY(lines_for(paths, meant.address));
  return {};
}

}  // namespace

SshTarget ssh_target(const HostPaths& paths, const Settings& settings, const Target& target) {
  SshTarget out;
  out.address.user = target.user;
  out.address.host = target.host;
  out.address.port = target.port;
  if (target.port == 0) out.address.port = ssh_config_port(target.host, config_files(paths));
  out.key_file = paths.root + (target.key.empty() ? settings.sshkey : target.key);
  out.directory = target.path.empty() ? settings.path : target.path;
  return out;
}

Result<KnownHosts> hosts_that_ssh_knows(const HostPaths& paths) {
  KnownHosts known;
  KDUMP_TRY(known.add_file(paths.root_known_hosts()));
  KDUMP_TRY(known.add_file(paths.global_known_hosts()));
  return known;
}

Result<KnownHosts> known_hosts_for(const HostPaths& paths, const SshAddress& address) {
  KnownHosts pinned;
  KDUMP_TRY(pinned.add_file(paths.pinned_hosts()));
  if (!pinned.keys_of(address).empty()) return pinned;
  return hosts_that_ssh_knows(paths);
}

Result<SshKey> read_target_key(const std::string& file) {
  auto key = SshKey::read(file);
  if (!key && key.error().code() == Errc::not_found)
    return Error(Errc::not_found, file +
                                      ": there is no such key: 'kdumpctl propagate' makes one and "
                                      "installs it on the target");
  return key;
}

Result<void> complete_ssh_targets(const HostPaths& paths, const Settings& settings,
                                  CapturePlan& plan) {
  // A plan may have more: dump_to_rootfs is one that nobody wrote down.
  if (plan.targets.size() < settings.targets.size()) return {};
  for (size_t i = 0; i < settings.targets.size(); ++i) {
    TargetPlan& target = plan.targets[i];
    if (!is_ssh(target.kind)) continue;
    const SshTarget meant = ssh_target(paths, settings, settings.targets[i]);
    if (auto able = check_login(paths, target, meant); !able)
      return at_line_of(settings.targets[i], std::move(able).error());
    target.port = meant.address.port;
    target.key = std::string(kSshDirectory) + "/key-" + std::to_string(i + 1);
  }
  return {};
}

Result<std::vector<ExtraFile>> ssh_image_files(const HostPaths& paths, const Settings& settings,
                                               const CapturePlan& plan) {
  std::vector<ExtraFile> files;
  if (plan.targets.size() < settings.targets.size()) return files;
  std::string known;
  for (size_t i = 0; i < settings.targets.size(); ++i) {
    const TargetPlan& target = plan.targets[i];
    if (!is_ssh(target.kind)) continue;
    const SshTarget meant = ssh_target(paths, settings, settings.targets[i]);
    files.push_back({meant.key_file, target.key, 0600});
    KDUMP_TRY_ASSIGN(const std::string lines, lines_for(paths, meant.address));
    if (known.find(lines) == std::string::npos) known += lines;
  }
  if (files.empty()) return files;
  (void)::mkdir(paths.state().c_str(), 0700);
  KDUMP_TRY(publish_if_other(paths.image_known_hosts(), known));
  KDUMP_TRY(make_seed(paths.random_seed()));
  files.push_back({paths.image_known_hosts(), kKnownHostsPath, 0600});
  files.push_back({paths.random_seed(), kRandomSeedPath, 0600});
  return files;
}

}  // namespace kdump
