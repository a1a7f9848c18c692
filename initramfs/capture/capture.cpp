#include "initramfs/capture/capture.h"

#include <algorithm>
#include <string>
#include <unistd.h>
#include <utility>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/capture_modules.h"
#include "initramfs/capture/child.h"
#include "initramfs/capture/destination.h"
#include "initramfs/capture/hooks.h"
#include "initramfs/capture/mount_nfs.h"
#include "initramfs/capture/mounts.h"
#include "initramfs/capture/network.h"
#include "initramfs/capture/network_disks.h"
#include "initramfs/capture/pstore.h"
#include "initramfs/capture/save.h"
#include "initramfs/capture/unlock.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/budget.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr std::chrono::seconds kLogLimit{60};
// Key derivation of an encrypted disk, a volume group over many disks, a RAID that waits for a
// member.
constexpr std::chrono::seconds kAssemblyLimit{240};

Result<CapturePlan> read_plan() {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(kPlanPath));
  return decode_capture_plan(text, kPlanPath);
}

Result<void> check_vmcore() {
  if (::access(kVmcore, R_OK) == 0) return {};
  return Error(Errc::not_found,
               "no /proc/vmcore: this kernel was not started by a crash, or has no "
               "CONFIG_PROC_VMCORE, so there is nothing to save");
}

// Left to itself the kernel lets a writer dirty a fifth of memory, and counts on being able to
// clean it in time. Behind a slow disk those would be the pages that the next allocation needs. A
// disk is kept busy by far less.
void bound_dirty_memory() {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const uint64_t available = available_memory_kib().value_or(0) * 1024;
  const uint64_t most = std::clamp(available / 8, 2 * kMiB, 64 * kMiB);
  // The lower bound first: the kernel keeps it below the other by itself.
  for (const auto& [name, bytes] :
       {std::pair("dirty_background_bytes", most / 4), std::pair("dirty_bytes", most)})
    if (const auto set =
            write_existing_file(std::string("/proc/sys/vm/") + name, std::to_string(bytes));
        !set)
      say_warning("dirty memory is not bounded: " + set.error().message());
}

// 1 What is to be done, is there anything to do, and what everything else stands on.
Result<void> run_prepare(WorkerState& state) {
  KDUMP_TRY_ASSIGN(const CapturePlan plan, read_plan());
  state.set_actions(plan.failure_action, plan.final_action);
  if (plan.image == ImageKind::dracut) state.set_device_limit(kAssemblyLimit);
  KDUMP_TRY(check_vmcore());
  state.set_targets(static_cast<unsigned>(plan.targets.size()), plan.capture_limit);
  say("saving to " + places_of(plan));
  bound_dirty_memory();
  load_modules(state);
  // For who needs it before a target does.
  if (!plan.network.empty() && (!plan.fence_kdump.empty() || !plan.hooks.pre.empty()))
    if (const auto up = bring_up_network(plan.network, state); !up)
      say_warning(up.error().message());
  start_fence_kdump(plan);
  const HookContext context{.target = plan.targets.front().described};
  if (!HookRunner(plan, state).before(context)) state.set_not_wanted();
  return {};
}

// 2 One target, from nothing to a dump that is safe there.
Result<void> run_attempt(const CapturePlan& plan, const TargetPlan& target, WorkerState& state) {
  // Whatever was left out when the first step was given up.
  load_modules(state);
  // NFS servers tell their clients apart by this name; two without one would end each other's
  // state.
  if (::sethostname(plan.hostname.c_str(), plan.hostname.size()) != 0)
    say_warning(Error::from_errno("naming this host " + plan.hostname).message());
  for (unsigned before = 0; before < state.attempt(); ++before)
    if (plan.targets[before].kind == TargetKind::nfs) let_go_of_nfs(target_mount_point(before));
  if (target.needs_network()) KDUMP_TRY(bring_up_network(plan.network, state, target.address));
  KDUMP_TRY(connect_network_disks(target, state));
  if (plan.image == ImageKind::dracut)
    if (const auto unlocked = unlock_volumes(state); !unlocked)
      say_error(unlocked.error().message());
  KDUMP_TRY_ASSIGN(const auto destination, make_destination(target, plan.network, state));
  KDUMP_TRY(destination->reach());

  Saver saver(plan, target, *destination, state);
  KDUMP_TRY(saver.make_directory());

  // The kernel log first: it is small, and often it is enough.
  if (const auto saved = saver.save_kernel_log(); !saved)
    say_error("vmcore-dmesg.txt not saved, going on with the dump: " + saved.error().message());
  // If nobody comes to write another one, this is true.
  saver.tell("the capture ended before the dump was saved");

  auto result = saver.save_dump();
  saver.tell(result ? "" : result.error().message());
  // A hook that has to be given up must not cost a second dump.
  if (result) state.set_saved();
  saver.run_post_hooks();

  // Leave the target clean, whatever came out.
  auto left = destination->leave();
  return result ? left : result;
}

// 3 Nobody got it: whoever watches the console may at least read what happened. The end of the dead
// kernel's log; "" if it cannot be had.
std::string show_kernel_log(WorkerState& state) {
  state.doing("showing the dead kernel's log", kLogLimit);
  constexpr char kLog[] = "/run/vmcore-dmesg.txt";
  constexpr size_t kMost = size_t{64} << 10;
  ChildOptions options;
  options.argv = {kMakedumpPath, "-f", "--dump-dmesg", kVmcore, kLog};
  options.stall_limit = options.silent_limit = kLogLimit / 2;
  (void)run_child(options);
  auto text = read_text_file(kLog);
  if (!text || text->empty()) return "";
  if (text->size() > kMost) text->erase(0, text->size() - kMost);
  show("the end of the dead kernel's log:\n" + *text);
  return *text;
}

// Nobody got it: the admin's own programs for that. `last`: the target that failed last.
void run_emergency_hooks(const CapturePlan& plan, WorkerState& state, unsigned last) {
  last = std::min<unsigned>(last, plan.targets.size() - 1);
  HookRunner(plan, state)
      .on_failure({.target = plan.targets[last].described,
                   .state = "failed",
                   .error = as_on_target(state.failure(last))});
}

bool prepare(WorkerState& state) {
  open_capture_log();
  const auto result = run_prepare(state);
  if (!result) say_error("dump not saved: " + result.error().message());
  return result.has_value();
}

bool attempt(WorkerState& state) {
  open_capture_log();
  const auto plan = read_plan();
  if (!plan || state.attempt() >= plan->targets.size()) return false;
  const TargetPlan& target = plan->targets[state.attempt()];
  if (state.has_last_resort() && state.attempt() + 1 == state.targets())
    run_emergency_hooks(*plan, state, state.attempt() - 1);
  const auto result = run_attempt(*plan, target, state);
  if (result) return true;
  const std::string why = fitting(as_on_target(result.error().message()));
  if (state.saved()) {
    say_warning("the dump is saved, but: " + why);
    return true;
  }
  state.set_failure(state.attempt(), why.c_str());
  const bool last = state.attempt() + 1 == plan->targets.size();
  say_error("dump not saved: " + why + (last ? "" : "; the next target is tried"));
  return false;
}

bool finish(WorkerState& state) {
  open_capture_log();
  if (state.saved() || state.not_wanted()) return true;
  const std::string log = show_kernel_log(state);
  const auto plan = read_plan();
  if (plan) run_emergency_hooks(*plan, state, state.attempt());
  if (!log.empty()) keep_in_pstore(log);
  if (state.failure_action() == FailureAction::shell) install_applets(state);
  return true;
}

}  // namespace

const CaptureSteps kCaptureSteps = {prepare, attempt, finish};

}  // namespace kdump
