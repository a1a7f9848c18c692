// What is saved of a crash on a target that has been reached: the kernel's log first, then the
// dump, down the rungs of a ladder when the vmcore is damaged; and what is told of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "initramfs/capture/child.h"
#include "initramfs/capture/destination.h"
#include "initramfs/capture/hooks.h"
#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/manifest.h"

namespace kdump {

inline constexpr char kVmcore[] = "/proc/vmcore";

class Saver {
 public:
  // All three must outlive it.
  Saver(const CapturePlan& plan, const TargetPlan& target, Destination& destination,
        WorkerState& state);

  Result<void> make_directory();
  Result<void> save_kernel_log();
  // Success is also what the plan is content with when there is too little room.
  Result<void> save_dump();
  // vmcore.json and kexec-dmesg.log: how far the capture came; `error` is why it came no further,
  // "" if it is complete. What fails here is said, and the capture goes on.
  void tell(const std::string& error);
  // The admin's programs, which learn what came out; and tells again, with how those ended.
  void run_post_hooks();

 private:
  // One way to get a dump of this vmcore, and what the manifest calls it.
  struct Rung {
    std::string name;
    std::vector<std::string> argv;
  };
  [[nodiscard]] std::vector<Rung> rungs() const;
  // `--room N` where the target says how much there is; nothing else.
  std::vector<std::string> room_words();
  ChildEnd run_rung(std::vector<std::string> argv);
  ChildEnd run_into_stream(ChildOptions options);
  Result<bool> down_when_short(const Rung& rung, ChildEnd& end);
  ChildOptions watched(std::vector<std::string> argv, const std::string& name);
  void on_line(const std::string& line);
  void tell_silence();
  void tell_progress(const std::string& progress, std::chrono::steady_clock::time_point now);
  void note_memory();
  void saved(const std::string& name, const ChildEnd& end) const;
  [[nodiscard]] std::string state() const;
  void publish_story();

  const CapturePlan& plan_;
  const TargetPlan& target_;
  Destination& destination_;
  WorkerState& state_;
  HookRunner hooks_;
  CaptureRecord record_;
  std::string progress_;  // what makedump said last of it
  std::chrono::steady_clock::time_point progress_since_, last_progress_;
  std::string directory_;  // as the admin sees it on the target; "" for raw devices
  bool log_saved_ = false, dump_saved_ = false, some_of_dump_ = false;
};

}  // namespace kdump
