#include "initramfs/image/target.h"

#include <filesystem>
#include <sys/utsname.h>

#include "initramfs/image/fence_kdump.h"
#include "initramfs/image/image_builder.h"
#include "initramfs/image/image_choice.h"
#include "initramfs/image/network_host.h"

namespace kdump {

namespace {

Result<std::string> host_name() {
  utsname names{};
  if (::uname(&names) != 0) return Error::from_errno("uname");
  return std::string(names.nodename);
}

Result<std::vector<std::string>> collector_in_image(std::vector<std::string> argv) {
  if (argv.empty()) return Error(Errc::internal, "core_collector is empty");
  const std::string program = std::filesystem::path(argv.front()).filename();
  if (program != "makedumpfile" && program != "makedump")
    return Error(Errc::unsupported, "core_collector " + program +
                                        ": the capture image has makedumpfile only: write "
                                        "core_collector makedumpfile -l -d 31");
  argv.front() = kMakedumpPath;
  return argv;
}

Result<TargetPlan> resolve_one(const Target& target, const std::string& path) {
  switch (target.kind) {
    case TargetKind::path: {
      KDUMP_TRY_ASSIGN(auto on_nfs, resolve_nfs_path(target, path));
      if (on_nfs) return std::move(*on_nfs);
      return resolve_local_target(target, path);
    }
    case TargetKind::filesystem:
      if (target.type == "virtiofs") return resolve_virtiofs_target(target, path);
      return resolve_local_target(target, path);
    case TargetKind::raw:
      return resolve_raw_target(target);
    case TargetKind::nfs:
      return resolve_nfs_target(target, path);
    case TargetKind::ssh:
    case TargetKind::sftp:
      return resolve_ssh_target(target, path);
  }
  return Error(Errc::unsupported, target.describe() + ": no capture image can write there yet");
}

// The error of all targets together, with the line of the one that it is about in front.
Error at_its_line(Error error, const Settings& settings, const std::vector<TargetPlan>& targets) {
  for (size_t i = 0; i < settings.targets.size() && i < targets.size(); ++i) {
    std::vector<TargetPlan> alone = {targets[i]};
    if (!plan_network(alone)) return at_line_of(settings.targets[i], std::move(error));
  }
  return error;
}

}  // namespace

Error at_line_of(const Target& target, Error error) {
  return target.origin.empty() ? std::move(error) : std::move(error).context(target.origin);
}

Result<CapturePlan> resolve_target(const Settings& settings) {
  CapturePlan plan;
  for (const Target& target : settings.targets) {
    auto resolved = resolve_one(target, target.path.empty() ? settings.path : target.path);
    if (!resolved) return at_line_of(target, std::move(resolved).error());
    resolved->described = target.kind == TargetKind::path
                              ? resolved->filesystem + " " + resolved->device
                              : target.describe();
    resolved->stall_limit =
        target.stall_limit.count() != 0 ? target.stall_limit : settings.stall_limit;
    plan.targets.push_back(*std::move(resolved));
  }
  if (settings.failure_action == FailureAction::dump_to_rootfs) {
    auto root = resolve_root_filesystem(settings.path);
    if (!root) return std::move(root).error().context("failure_action dump_to_rootfs");
    root->described = root->filesystem + " " + root->device;
    root->stall_limit = settings.stall_limit;
    plan.targets.push_back(*std::move(root));
  }
  auto network = plan_network(plan.targets, settings.fence_kdump_nodes);
  if (!network) return at_its_line(std::move(network).error(), settings, plan.targets);
  plan.network = *std::move(network);
  KDUMP_TRY_ASSIGN(plan.fence_kdump, plan_fence_kdump(settings));
  KDUMP_TRY_ASSIGN(plan.core_collector, collector_in_image(settings.core_collector));
  KDUMP_TRY_ASSIGN(plan.hostname, host_name());
  plan.naming = settings.naming;
  plan.failure_action = settings.failure_action;
  plan.final_action = settings.final_action;
  plan.keep_free = settings.keep_free;
  plan.when_short = settings.when_short;
  plan.capture_limit = settings.capture_limit;
  plan.hooks = {settings.kdump_pre, settings.kdump_post, settings.kdump_emergency};
  plan.hook_limit = settings.hook_limit;
  KDUMP_TRY_ASSIGN(plan.image, choose_image(plan, settings.image_kind, dracut_program()));
  return plan;
}

}  // namespace kdump
