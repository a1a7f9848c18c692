#include "daemon/arm/service.h"

#include <chrono>
#include <ctime>
#include <sstream>
#include <utility>

#include "daemon/host/journal.h"
#include "daemon/host/message_ids.h"
#include "daemon/host/program.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr size_t kMostReasons = 3;  // in one line
constexpr char kUnit[] = "kdumpd.service";
constexpr std::chrono::seconds kAskLimit{10};  // systemd answers at once, or is in trouble

std::string describe(const ArmPlan& plan) {
  std::string text = "Armed for " + plan.kernel.release;
  if (!plan.capture.targets.empty()) text += ": dumps go to " + places_of(plan.capture);
  return text + ", " + human_bytes(plan.reserved) + " reserved";
}

std::string in_one_line(const std::vector<std::string>& reasons) {
  std::string line;
  for (size_t i = 0; i < reasons.size() && i < kMostReasons; ++i)
    line += (i == 0 ? "" : "; ") + reasons[i];
  if (reasons.size() > kMostReasons)
    line += "; and " + std::to_string(reasons.size() - kMostReasons) + " more";
  return line;
}

bool same(const Holding& a, const Holding& b) {
  return a.known() && a.kernel == b.kernel && a.kernel_digest == b.kernel_digest &&
         a.image_digest == b.image_digest && a.command_line == b.command_line;
}

// One action, from how it found the host to what it made of it.
class Action {
 public:
  Action(const Host& host, const char* name) : host_(host) {
    state_.action = name;
    set_journal_field("KDUMP_ACTION", name);
    if (auto before = read_arming_state(host.paths)) before_ = *std::move(before);
    const auto loaded = crash_image_loaded(host.paths);
    loaded_ = loaded && *loaded;
    if (loaded_) state_.holding = before_.holding;
  }

  [[nodiscard]] bool loaded() const { return loaded_; }
  [[nodiscard]] const ArmingState& before() const { return before_; }
  [[nodiscard]] bool holds(const Holding& wanted) const {
    return loaded_ && same(before_.holding, wanted);
  }
  // The same failure as the last time is not worth another line in the journal.
  void be_quiet_about_known_failures() { knows_ = true; }

  Result<ArmPlan> plan(Result<ArmPlan> plan) {
    if (!plan) return plan;
    set_journal_field("KDUMP_IMAGE", plan->image);
    if (!plan->capture.targets.empty())
      set_journal_field("KDUMP_TARGET", plan->capture.targets.front().name());
    return plan;
  }

  // Nothing was touched yet: what was loaded before still is.
  ArmingState give_up(const std::string& why) {
    set_journal_field("KDUMP_REASON", why);
    const bool known = knows_ && !before_.ok && before_.reason == why;
    const JournalEvent event(message_id::kNotArmed);
    if (!known) log::error(why);
    if (!known && loaded_) log::warning("the capture image loaded before stays armed");
    return failed(why, loaded_ ? Armed::with_older_image : Armed::no,
                  loaded_
                      ? "Armed with the image loaded before, not with what is configured: " + why
                      : "Not armed: " + why);
  }

  ArmingState failed(const std::string& why, Armed armed, std::string summary) {
    state_.ok = false;
    state_.reason = why;
    return done(armed, std::move(summary));
  }

  ArmingState succeeded(Armed armed, std::string summary) {
    state_.ok = true;
    return done(armed, std::move(summary));
  }

  // Of an unload: the kernel holds nothing.
  ArmingState stopped() {
    state_.holding = {};
    return succeeded(Armed::no, "Not armed: stopped");
  }

  ArmingState load(const ArmPlan& plan) {
    // Killed from here on, what the kernel holds is anybody's guess: the next one must not take it
    // for what was there before.
    leave_note("kdumpctl ended while it loaded " + plan.image);
    LoadOutcome outcome = load_planned(host_, plan);
    take_holding(outcome);
    const bool ok = outcome.loaded == Loaded::new_image;
    const std::string why = outcome.problems.empty() ? "" : outcome.problems.front();
    if (!ok) set_journal_field("KDUMP_REASON", why);
    const bool known = knows_ && !ok && !before_.ok && before_.reason == why;
    const JournalEvent event(ok ? "" : message_id::kNotArmed);
    if (!known)
      for (const std::string& problem : outcome.problems)
        ok ? log::warning(problem) : log::error(problem);
    switch (outcome.loaded) {
      case Loaded::new_image:
        return succeeded(Armed::yes, describe(plan));
      case Loaded::kept:
        if (!known) log::warning("the capture image loaded before stays armed");
        return failed(why, Armed::with_older_image,
                      "Armed with the image loaded before, not with what is configured: " + why);
      case Loaded::last_good:
        if (!known) log::warning("the last capture image that worked is armed instead");
        return failed(why, Armed::with_older_image,
                      "Armed with the last image that worked, not with what is configured: " + why);
      case Loaded::nothing:
        break;
    }
    if (!known) log::error("no capture image is loaded now: a crash would not be saved");
    return failed(why, Armed::no, "Not armed: " + why);
  }

  // What is loaded was made for other memory and CPUs, and nothing newer can be had.
  void load_again() {
    leave_note("kdumpctl ended while it loaded the last image that worked");
    LoadOutcome outcome = load_last_good(host_);
    take_holding(outcome);
    for (const std::string& problem : outcome.problems)
      log::error(problem);
    const auto loaded = crash_image_loaded(host_.paths);
    loaded_ = loaded && *loaded;
  }

 private:
  void take_holding(LoadOutcome& outcome) {
    // Refused early: what was loaded before still is.
    state_.holding = outcome.loaded == Loaded::kept ? before_.holding : std::move(outcome.holding);
  }

  void leave_note(const std::string& what) {
    ArmingState note = state_;
    note.holding = {};
    note.reason = what;
    note.armed = loaded_ ? Armed::with_older_image : Armed::no;
    note.summary = (loaded_ ? "Armed, it is not known with what: " : "Not armed: ") + what;
    write(std::move(note));
  }

  ArmingState done(Armed armed, std::string summary) {
    state_.armed = armed;
    state_.summary = std::move(summary);
    write(state_);
    return state_;
  }

  void write(ArmingState state) const {
    if (host_.only_looks) return;
    state.at = ::time(nullptr);
    if (auto written = write_arming_state(host_.paths, state); !written)
      log::warning(written.error().message());
  }

  const Host& host_;
  ArmingState before_;  // what the last action left
  ArmingState state_;
  bool loaded_ = false;  // something was, when this action began
  bool knows_ = false;
};

void say_all(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    log::warning(warning);
}

Result<uint64_t> build(const Host& host, const ArmPlan& plan) {
  log::info("Rebuilding " + plan.image);
  return build_planned(host, plan);
}

// The image that `plan` needs is there afterwards, and fits.
Result<uint64_t> make_image(const Host& host, const ArmPlan& plan) {
  KDUMP_TRY_ASSIGN(const Freshness freshness, planned_freshness(host, plan));
  if (freshness.fresh()) return check_planned(host, plan);
  if (!freshness.missing) log::info("Detected change(s): " + in_one_line(freshness.reasons));
  return build(host, plan);
}

// force_rebuild means each start that a person or the boot asks for, not each look of kdumpd.
Result<uint64_t> make_image_for_start(const Host& host, const ArmPlan& plan) {
  return plan.settings.rebuild == Rebuild::always ? build(host, plan) : make_image(host, plan);
}

ArmingState say_started(ArmingState state) {
  const JournalEvent event(state.ok ? message_id::kArmed : message_id::kNotArmed);
  if (state.ok)
    log::info("Starting kdump: [OK]");
  else
    log::error("Starting kdump: [FAILED]");
  return state;
}

// Whether what is loaded is what is configured, as far as that can be told.
bool is_current(const Host& host, const Action& action, const ArmPlan& plan) {
  const auto freshness = planned_freshness(host, plan);
  if (!freshness || !freshness->fresh()) return false;
  const auto wanted = planned_holding(plan);
  return wanted && action.holds(*wanted);
}

}  // namespace

ArmingState start_service(const Host& host) {
  Action action(host, "start");
  auto plan = action.plan(plan_arming(host));
  if (!plan) return say_started(action.give_up(plan.error().message()));
  say_all(plan->warnings);
  if (action.loaded()) {
    log::warning("Kdump already running");
    if (is_current(host, action, *plan)) return action.succeeded(Armed::yes, describe(*plan));
    return action.succeeded(
        Armed::with_older_image,
        "Armed with an image that was loaded before; 'kdumpctl restart' loads what is configured "
        "now");
  }
  if (auto image = make_image_for_start(host, *plan); !image)
    return say_started(action.give_up(image.error().message()));
  return say_started(action.load(*plan));
}

ArmingState restart_service(const Host& host) {
  Action action(host, "restart");
  auto plan = action.plan(plan_arming(host));
  if (!plan) return say_started(action.give_up(plan.error().message()));
  say_all(plan->warnings);
  if (auto image = make_image_for_start(host, *plan); !image)
    return say_started(action.give_up(image.error().message()));
  // No unload in between: the load itself replaces the old image, in the shortest time possible.
  ArmingState state = action.load(*plan);
  if (state.ok) log::info("Stopping kdump: [OK]");
  return say_started(std::move(state));
}

ArmingState reload_service(const Host& host) {
  Action action(host, "reload");
  auto plan = action.plan(plan_reload(host));
  if (!plan) return say_started(action.give_up(plan.error().message()));
  return say_started(action.load(*plan));
}

ArmingState stop_service(const Host& host) {
  Action action(host, "stop");
  const auto fail = [&](const std::string& why, Armed armed, const std::string& summary) {
    log::error(why);
    log::error("Stopping kdump: [FAILED]");
    return action.failed(why, armed, summary + why);
  };
  auto loaded = crash_image_loaded(host.paths);
  if (!loaded) return fail(loaded.error().message(), Armed::no, "Not armed: ");
  // Unloading nothing would only count against kernel.kexec_load_limit_panic.
  if (*loaded) {
    if (auto unloaded = unload_crash_image(host.paths, host.kexec_file_load); !unloaded)
      return fail(unloaded.error().message(), Armed::with_older_image, "Still armed: ");
  }
  const JournalEvent event(message_id::kDisarmed);
  log::info("Stopping kdump: [OK]");
  return action.stopped();
}

bool names_restart(const std::string& jobs) {
  std::istringstream lines(jobs);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id, unit, type;
    if (words >> id >> unit >> type && unit == kUnit && type == "restart") return true;
  }
  return false;
}

ArmingState end_service(const Host& host) {
  const auto jobs = run_program(
      host.paths, {"systemctl", "list-jobs", "--no-legend", "--plain", "--no-pager", kUnit},
      kAskLimit);
  // Without an answer it is taken for what it says: the admin wants the host disarmed.
  if (!jobs || jobs->status != 0 || !names_restart(jobs->out)) return stop_service(host);
  log::info("kdumpd is started anew: what is loaded stays armed until then");
  auto state = read_arming_state(host.paths);
  if (state) {
    state->ok = true;
    return *std::move(state);
  }
  ArmingState unknown;
  unknown.ok = true;
  return unknown;
}

ArmingState rebuild_service(const Host& host) {
  Action action(host, "rebuild");
  auto plan = action.plan(plan_arming(host));
  if (!plan) return action.give_up(plan.error().message());
  say_all(plan->warnings);
  if (auto image = build(host, *plan); !image) return action.give_up(image.error().message());
  if (!action.loaded())
    return action.succeeded(Armed::no, "Not armed: " + plan->image + " is built, not loaded");
  const auto wanted = planned_holding(*plan);
  if (wanted && action.holds(*wanted)) return action.succeeded(Armed::yes, describe(*plan));
  return action.succeeded(Armed::with_older_image,
                          "Armed with the image loaded before; " + plan->image +
                              " is built anew: 'kdumpctl restart' loads it");
}

ArmingState refresh_service(const Host& host, bool hotplug) {
  Action action(host, "refresh");
  action.be_quiet_about_known_failures();
  const ArmingState& before = action.before();
  if (!action.loaded() && before.action == "stop" && before.ok) return before;
  const bool outdated = hotplug && !(kernel_updates_hotplug(host.paths, "cpu") &&
                                     kernel_updates_hotplug(host.paths, "memory"));

  const auto give_up = [&](const Error& error) {
    if (outdated && action.loaded()) action.load_again();
    return action.give_up(error.message());
  };
  auto plan = action.plan(plan_arming(host));
  if (!plan) return give_up(plan.error());
  if (auto image = make_image(host, *plan); !image) return give_up(image.error());
  auto wanted = planned_holding(*plan);
  if (!wanted) return give_up(wanted.error());

  if (action.holds(*wanted) && !outdated) {
    const std::string summary = describe(*plan);
    if (before.ok && before.armed == Armed::yes && before.summary == summary) return before;
    const JournalEvent event(message_id::kArmed);
    if (!before.ok) log::info(summary);  // it was told that this was not so
    return action.succeeded(Armed::yes, summary);
  }
  ArmingState state = action.load(*plan);
  const JournalEvent event(message_id::kArmed);
  if (state.ok) log::info(state.summary);
  return state;
}

int report_status(const Host& host) {
  const auto loaded = crash_image_loaded(host.paths);
  if (!loaded) {
    log::error(loaded.error().message());
    return loaded.error().code() == Errc::not_found ? 3 : 1;
  }
  log::info(*loaded ? "Kdump is operational" : "Kdump is not operational");
  return *loaded ? 0 : 3;
}

int report_reserved_memory(const Host& host) {
  const auto bytes = reserved_bytes(host.paths);
  if (!bytes) {
    log::error(bytes.error().message());
    return 1;
  }
  log::info("Reserved " + std::to_string(*bytes >> 20) + "MB memory for crash kernel");
  return 0;
}

}  // namespace kdump
