// Programs of the admin's that run around a capture, in the order and with the meaning that they
// have in RHEL's kdump. Each has a limit; what it says goes to the kernel's log, how it ended to
// vmcore.json.
#pragma once

#include <string>
#include <vector>

#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/manifest.h"

namespace kdump {

// What hooks are told, in their environment.
struct HookContext {
  std::string target{};     // KDUMP_TARGET: "ext4 UUID=…"
  std::string directory{};  // KDUMP_DIRECTORY: of the capture, as the admin sees it on the target
  std::string path{};       // KDUMP_PATH: the same in this kernel; "" where it is not mounted
  std::string state{};      // KDUMP_STATE: complete, incomplete, dmesg_only, failed
  std::string error{};      // KDUMP_ERROR: why it is not complete
};

class HookRunner {
 public:
  // Both must outlive it. `root` is in front of every path: for tests.
  HookRunner(const CapturePlan& plan, WorkerState& state, std::string root = "");

  // kdump_pre, then pre.d. False if kdump_pre says that no dump is wanted: nothing but an exit
  // status does. One that hangs, crashes, or lacks a command (126, 127) has no say.
  bool before(const HookContext& context);
  // post.d, then kdump_post. `status` is their first argument: 0 if the dump was saved.
  void after(const HookContext& context, int status);
  // emergency.d, then kdump_emergency; once, however often it is called.
  void on_failure(const HookContext& context);

  // How those ended that ran in this capture so far, whichever process ran them.
  [[nodiscard]] std::vector<HookRun> ran() const;

 private:
  using Words = std::vector<std::string>;
  // Exit status; -1 if it did not end by itself, or there is none.
  int run(const std::string& hook, const std::string& program, const HookContext& context,
          const Words& arguments) const;
  void run_all_in(const std::string& directory, const HookContext& context,
                  const Words& arguments) const;
  [[nodiscard]] Words programs_in(const std::string& directory) const;
  void note(const HookRun& run) const;

  const CapturePlan& plan_;
  WorkerState& state_;
  const std::string root_;
};

// The program that tells the cluster's nodes that this one is saving its dump, in the background
// until the machine ends.
void start_fence_kdump(const CapturePlan& plan);

// Names of busybox's applets, as links where no program has that name. Nothing without busybox.
void install_applets(WorkerState& state);

}  // namespace kdump
