// PID 1 of the capture image. The kernel panics when PID 1 ends, so the work, which touches broken
// disks and hostile data, is done by a child, and PID 1 does only this: wait for it, give it up
// when it hangs or dies, and carry out the final action. It takes no memory while it does so.
#pragma once

#include <atomic>
#include <chrono>

#include "config/settings.h"

namespace kdump {

// Shared between PID 1 and the worker: the worker's promises about what comes next.
class WorkerState {
 public:
  // Announces what is being done now and when it is over at the latest. `what` completes
  // "gave up …": "mounting UUID=…". Cheap.
  void doing(const char* what, std::chrono::seconds at_most);
  void set_actions(FailureAction on_failure, FinalAction on_success);

  [[nodiscard]] bool is_late() const;
  [[nodiscard]] const char* what() const { return what_; }
  [[nodiscard]] FailureAction failure_action() const { return failure_action_.load(); }
  [[nodiscard]] FinalAction final_action() const { return final_action_.load(); }

 private:
  std::atomic<int64_t> deadline_ms_{0};  // CLOCK_MONOTONIC; 0: none yet
  std::atomic<FailureAction> failure_action_{FailureAction::reboot};
  std::atomic<FinalAction> final_action_{FinalAction::reboot};
  char what_[160] = "starting";  // read by PID 1 only when the worker is late, so that a torn text
                                 // is all that can happen
};

// Runs `worker` in a child and then ends this machine's second life. `worker` returns whether the
// dump was saved. Call as PID 1 only; never returns.
[[noreturn]] void supervise(bool (*worker)(WorkerState& state));

}  // namespace kdump
