// kdumpctl _watch: what kdumpd is to look at because of the settings. Not for people.
#include <cstdio>
#include <filesystem>

#include "daemon/arm/arm.h"
#include "daemon/commands/command.h"
#include "daemon/watch/watch_list.h"
#include "initramfs/plan/block_device.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

void add_file(WatchList& list, const std::string& path) {
  if (path.starts_with('/')) list.files.push_back(path);
}

// By every name that it is known by here: which of them udev tells depends on what happened.
void add_device(WatchList& list, const std::string& spec) {
  if (spec.empty()) return;
  list.devices.push_back(spec);
  if (auto path = BlockDeviceSearch(spec).find(); path && *path != spec)
    list.devices.push_back(*path);
}

// Another file system may be mounted over it, or this one go. Links are followed only where no
// server can hang.
void add_mount(WatchList& list, const std::filesystem::path& path, bool is_local) {
  list.mounts.push_back(path.lexically_normal().string());
  std::error_code failed;
  if (!is_local) return;
  const auto real = std::filesystem::canonical(path, failed).string();
  if (!failed && real != list.mounts.back()) list.mounts.push_back(real);
}

void add_target(const Host& host, const Settings& settings, const Target& target, WatchList& list) {
  switch (target.kind) {
    case TargetKind::path: {
      Settings alone = settings;
      alone.targets = {target};
      const auto plan = host.resolve_target(alone);
      add_mount(list, host.paths.root + (target.path.empty() ? settings.path : target.path),
                plan && !plan->targets.front().is_remote());
      if (!plan) break;
      if (plan->targets.front().is_remote())
        list.network = true;  // it lies on NFS
      else
        add_device(list, plan->targets.front().device);
      break;
    }
    case TargetKind::filesystem:
    case TargetKind::raw:
      if (target.type != "virtiofs") add_device(list, target.device);
      break;
    case TargetKind::ssh:
    case TargetKind::sftp:
      add_file(list, target.key.empty() ? settings.sshkey : target.key);
      for (const std::string& known : {host.paths.pinned_hosts(), host.paths.root_known_hosts(),
                                       host.paths.global_known_hosts()})
        add_file(list, known);
      list.network = true;
      break;
    case TargetKind::nfs:
      list.network = true;
      break;
  }
}

// What goes into the image: an update may replace a library, or the interpreter of a hook. Modules
// are left out, as their lists in the directory that is watched anyway change with them.
void add_inputs(const Host& host, WatchList& list) {
  const auto plan = plan_arming(host);
  if (!plan) return;
  for (const TargetPlan& target : plan->capture.targets)
    list.network |= target.needs_network();
  const auto recipe = planned_recipe(host, *plan);
  if (!recipe) return;
  for (const ImageInput& input : recipe->inputs)
    if (input.kind != ImageInput::Kind::module) add_file(list, input.source);
}

int print_watch_list(const Host& host) {
  const auto loaded = load_settings(host.paths.config_files());
  if (!loaded) return 1;  // said when it is armed with, not here
  const Settings& settings = loaded->settings;
  WatchList list;
  list.prove_every = settings.prove_every;
  for (const std::string& file :
       {settings.kdump_pre, settings.kdump_post, settings.kdump_emergency})
    add_file(list, file);
  for (const std::string& file : settings.extra_bins)
    add_file(list, file);
  if (!settings.sysconfig.boot_directory.empty())
    list.directories.push_back(settings.sysconfig.boot_directory);
  if (!settings.sysconfig.kernel_release.empty())
    list.directories.push_back(host.paths.modules(settings.sysconfig.kernel_release));
  for (const Target& target : settings.targets)
    add_target(host, settings, target, list);
  add_inputs(host, list);
  std::fputs(encode(list).c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

void add_watch_commands(Commands& commands) {
  commands.add_hidden("_watch", "what kdumpd is to look at", Access::change_unlocked,
                      print_watch_list);
}

}  // namespace kdump
