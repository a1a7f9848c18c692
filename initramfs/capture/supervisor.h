// PID 1 of the native capture image. The kernel panics when PID 1 ends, so the work, which touches
// broken disks and hostile data, is done by children, one a step, and PID 1 does only this: wait
// for each, give it up when it hangs or dies, go on with the next, and carry out the final action.
// It takes no memory while it does so.
//
// In an image that dracut built it is a service of that image's systemd, and ends the machine in
// just the same way: whatever else runs there only assembles devices for it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>

#include "config/settings.h"

namespace kdump {

// Shared between PID 1 and its steps: promises about what comes next, and what came out.
class WorkerState {
 public:
  // Of which a failure is remembered: as many as the policy may name, and dump_to_rootfs.
  static constexpr unsigned kMostTargets = 17;

  // Announces what is being done now and when it is over at the latest. `what` completes
  // "gave up …": "mounting UUID=…". Cheap.
  void doing(const char* what, std::chrono::seconds at_most);
  [[nodiscard]] bool is_late() const;
  [[nodiscard]] const char* what() const { return what_; }

  // What the plan says; until then nothing is tried, and the machine reboots.
  void set_actions(FailureAction on_failure, FinalAction on_success);
  void set_targets(unsigned number, std::chrono::seconds capture_limit);
  [[nodiscard]] FailureAction failure_action() const { return failure_action_.load(); }
  [[nodiscard]] FinalAction final_action() const { return final_action_.load(); }
  [[nodiscard]] unsigned targets() const { return targets_.load(); }
  // Whether the last of them is that of failure_action dump_to_rootfs.
  [[nodiscard]] bool has_last_resort() const {
    return failure_action() == FailureAction::dump_to_rootfs && targets() > 1;
  }
  [[nodiscard]] std::chrono::seconds capture_limit() const {
    return std::chrono::seconds(capture_limit_.load());
  }

  // How long a target's device is waited for: userspace that assembles it needs longer than
  // drivers.
  void set_device_limit(std::chrono::seconds limit) { device_limit_.store(limit.count()); }
  [[nodiscard]] std::chrono::seconds device_limit() const {
    return std::chrono::seconds(device_limit_.load());
  }

  // The target that is being tried.
  void begin_attempt(unsigned target);
  [[nodiscard]] unsigned attempt() const { return attempt_.load(); }

  // Why a target was given up, cut to what fits; "" if it was not. The last word counts.
  void set_failure(unsigned target, const char* why);
  [[nodiscard]] const char* failure(unsigned target) const;

  // The dump is where it should be, or the plan was content with less.
  void set_saved() { saved_.store(true); }
  [[nodiscard]] bool saved() const { return saved_.load(); }
  // kdump_pre said that there is to be no dump: the final action follows.
  void set_not_wanted() { not_wanted_.store(true); }
  [[nodiscard]] bool not_wanted() const { return not_wanted_.load(); }
  // True for who asks first: then the hooks of an emergency are to be run.
  bool begin_emergency() { return !emergency_.exchange(true); }

 private:
  std::atomic<int64_t> deadline_ms_{0};  // CLOCK_MONOTONIC; 0: none yet
  std::atomic<FailureAction> failure_action_{FailureAction::reboot};
  std::atomic<FinalAction> final_action_{FinalAction::reboot};
  std::atomic<unsigned> targets_{0}, attempt_{0};
  std::atomic<int64_t> capture_limit_{0}, device_limit_{30};
  std::atomic<bool> saved_{false}, not_wanted_{false}, emergency_{false};
  char what_[160] = "starting";  // read by PID 1 only when a step is late, so that a torn text is
                                 // all that can happen
  std::array<std::array<char, 400>, kMostTargets> failures_{};
};

// Each runs in a child of its own and returns whether it did what it is for.
struct CaptureSteps {
  bool (*prepare)(WorkerState& state);  // reads the plan; makes devices and network ready
  bool (*attempt)(WorkerState& state);  // saves to the target state.attempt()
  bool (*finish)(WorkerState& state);   // after all attempts, whatever came out
};

enum class Role {
  init,     // PID 1: nothing is mounted yet, and every other process is ours
  service,  // of an init that has mounted what there is to mount and has processes of its own
};

// Runs the steps and then ends this machine's second life; never returns.
[[noreturn]] void supervise(const CaptureSteps& steps, Role role);

}  // namespace kdump
