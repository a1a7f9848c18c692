#include "daemon/watch/watcher.h"

#include <algorithm>
#include <csignal>

#include "daemon/arm/kexec.h"
#include "daemon/host/journal.h"
#include "daemon/host/message_ids.h"
#include "daemon/watch/notify.h"
#include "daemon/watch/status_line.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr int kMostTries = 3;
constexpr seconds kStuckRetry{60};

// kdumpctl did not come to its end.
void tell_trouble(const std::string& problem) {
  const JournalEvent event(message_id::kTrouble);
  log::error(problem);
}

}  // namespace

Watcher::Watcher(WatchOptions options, EventLoop& loop)
    : options_(std::move(options)),
      loop_(loop),
      throttle_(options_.settle, options_.longest),
      list_(options_.fixed),
      job_(loop),
      proof_(loop) {}

Result<int> Watcher::run() {
  // First of all, so that nothing that changes during the first build is missed.
  KDUMP_TRY(listen());
  arm_first();
  return loop_.run();
}

Result<void> Watcher::listen() {
  for (const int number : {SIGTERM, SIGINT}) {
    KDUMP_TRY_ASSIGN(auto source, loop_.on_signal(number, [this] { loop_.quit(0); }));
    signals_.push_back(std::move(source));
  }
  KDUMP_TRY_ASSIGN(auto hangup, loop_.on_signal(SIGHUP, [this] { on_hangup(); }));
  signals_.push_back(std::move(hangup));

  KDUMP_TRY_ASSIGN(files_, FileWatch::open());
  KDUMP_TRY_ASSIGN(files_source_, loop_.on_readable(files_->fd(), [this] { on_files(); }));
  watch_files();

  auto devices = DeviceWatch::open(
      loop_, [this](const DeviceEvent& event) { add(work_for(event, list_, options_.paths)); });
  if (devices)
    devices_ = std::move(*devices);
  else
    log::warning(devices.error().message() + "; hotplug is not noticed");
  (void)open_mounts();
  reserved_ = reserved_bytes(options_.paths).has_value() ? *reserved_bytes(options_.paths) : 0;
  return {};
}

// What is loaded already outlived another kdumpd, and nobody watched for hotplug since.
void Watcher::arm_first() {
  const std::vector<std::string> words = loaded().value_or(false)
                                             ? std::vector<std::string>{"_refresh", "--hotplug"}
                                             : std::vector<std::string>{"start"};
  if (!run_job(words, [this](const JobEnd& end) { first_done(end); })) first_done({});
}

void Watcher::first_done(const JobEnd& end) {
  // A crash may be chance; what hung once has used up the time there is to start.
  if (!end.problem.empty() && !end.timed_out && ++tries_ < kMostTries) {
    arm_first();
    return;
  }
  tries_ = 0;
  if (!loaded().value_or(false)) {
    notify_status(status());
    loop_.quit(1);
    return;
  }
  ready_ = true;
  const std::string line = status();
  notify_ready(line);
  ask_list([this, line] {
    set_proof_timer(options_.first_proof);
    if (status() != line) notify_status(status());
    settle();
  });
}

void Watcher::on_files() {
  const auto changes = files_->take_changes();
  check_reservation();
  const std::string state_file = options_.paths.arming_state();
  // The state is written by each kdumpctl, ours as well: it is told when that ends.
  if (changes.contains(state_file) && ready_ && !busy_) notify_status(status());
  const bool others = std::ranges::any_of(changes, [&state_file](const std::string& path) {
    return !state_file.starts_with(path) || path == "/";
  });
  if (others) add({.refresh = true});
  // Its directory came: now it can be watched itself.
  else if (!changes.empty() && !changes.contains(state_file))
    watch_files();
}

void Watcher::on_hangup() {
  if (ready_) notify_reloading();
  add({.restart = true});
}

void Watcher::add(const Work& work) {
  throttle_.add(Clock::now(), work);
  set_due_timer();
}

// One timer: when it runs out too early, because more happened in between, it is set again.
void Watcher::set_due_timer() {
  const auto due = throttle_.due();
  if (!due || due_timer_set_ || busy_ || !ready_) return;
  const auto delay =
      std::max(std::chrono::ceil<milliseconds>(*due - Clock::now()), milliseconds(0));
  auto timer = loop_.after(delay, milliseconds(100), [this] {
    due_timer_set_ = false;
    work_is_due();
  });
  if (!timer) {
    log::error(timer.error().message());
    return;
  }
  due_timer_ = std::move(*timer);
  due_timer_set_ = true;
}

void Watcher::work_is_due() {
  if (busy_) return;  // the end of the job looks again
  if (const auto due = throttle_.due(); !due || *due > Clock::now()) {
    set_due_timer();
    return;
  }
  const Work work = throttle_.take();
  watch_files();
  if (!work.restart && stopped_on_purpose(state(), loaded())) {
    notify_status(status());
    return;
  }
  if (job_.running()) {  // stuck in the kernel, and answered for: it still holds the lock
    throttle_.add_later(Clock::now() + kStuckRetry, work);
    set_due_timer();
    return;
  }
  // The settings may have changed, and what is to be watched with them.
  ask_list([this, work] { do_work(work); });
}

void Watcher::do_work(const Work& work) {
  const std::vector<std::string> words = work.restart ? std::vector<std::string>{"restart"}
                                         : work.hotplug
                                             ? std::vector<std::string>{"_refresh", "--hotplug"}
                                             : std::vector<std::string>{"_refresh"};
  const bool started = run_job(words, [this, work](const JobEnd& end) { work_done(work, end); });
  if (!started) work_done(work, {});
}

void Watcher::work_done(const Work& work, const JobEnd& end) {
  if (end.status < 0)
    retry(work);
  else
    tries_ = 0;
  // Only what was asked for ends a reload: a refresh may come to its end after SIGHUP.
  if (work.restart)
    notify_ready(status());
  else
    notify_status(status());
  settle();
}

// What nobody looked at while kdumpctl was at work.
void Watcher::settle() {
  check_reservation();
  set_due_timer();
}

void Watcher::retry(const Work& work) {
  if (++tries_ > kMostTries) {
    tries_ = 0;  // the next thing that happens is worth new tries
    return;
  }
  seconds delay = options_.first_retry;
  for (int tried = 1; tried < tries_; ++tried)
    delay *= 3;
  // Killed between the old image and the new one: nothing is loaded, and each second counts.
  if (tries_ == 1 && !loaded().value_or(false)) delay = seconds(0);
  throttle_.add_later(Clock::now() + delay,
                      {.refresh = true, .hotplug = work.hotplug || work.restart});
}

void Watcher::ask_list(const std::function<void()>& then) {
  const bool started = run_job({"_watch"}, [this, then](const JobEnd& end) {
    // With settings that are wrong there is no list, and the last one is as good as any.
    if (end.status == 0) {
      if (const auto list = decode_watch_list(end.output))
        apply(*list);
      else
        log::error(list.error().message());
    }
    then();
  });
  if (!started) then();
}

void Watcher::apply(const WatchList& list) {
  const auto proved_every = list_.prove_every;
  list_ = list;
  for (const auto& [all, fixed] : {std::pair(&list_.files, &options_.fixed.files),
                                   std::pair(&list_.directories, &options_.fixed.directories)})
    all->insert(all->end(), fixed->begin(), fixed->end());
  watch_files();
  watch_routes();
  watch_mounts();
  if (ready_ && list_.prove_every != proved_every) set_proof_timer(list_.prove_every);
}

void Watcher::watch_routes() {
  if (!list_.network) {
    routes_source_ = {};
    routes_.reset();
    return;
  }
  if (routes_) return;
  auto routes = RouteWatch::open();
  if (!routes) {
    log::warning(routes.error().message());
    return;
  }
  routes_ = std::move(*routes);
  auto source = loop_.on_readable(routes_->fd(), [this] {
    if (routes_->take_changes()) add({.refresh = true});
  });
  if (source) routes_source_ = std::move(*source);
}

// Hosts mount and unmount all day: whoever has no directory that it could matter for does not wake.
void Watcher::watch_mounts() {
  if (list_.mounts.empty()) {
    mounts_source_ = {};
    mounts_.reset();
    return;
  }
  const bool waiting = mounts_ && mounts_->is_watching();
  if (!mounts_ && !open_mounts()) return;
  mounts_->watch(list_.mounts);
  const auto look = [this] {
    if (mounts_->take_changes()) add({.refresh = true});
  };
  look();
  if (waiting) return;
  auto source = loop_.on_changed(mounts_->fd(), look);
  if (source)
    mounts_source_ = std::move(*source);
  else
    log::warning(source.error().message());
}

bool Watcher::open_mounts() {
  auto mounts = MountWatch::open();
  if (!mounts) {
    log::warning(mounts.error().message() + "; what is mounted over a target is not noticed");
    return false;
  }
  mounts_ = std::move(*mounts);
  return true;
}

void Watcher::watch_files() {
  std::vector<std::string> files = list_.files;
  files.push_back(options_.paths.arming_state());
  const auto problems = files_->watch(files, list_.directories);
  if (!problems.empty())
    log::warning(problems.front() + (problems.size() > 1 ? ", and others" : "") +
                 ": changes there are not noticed");
}

void Watcher::set_proof_timer(seconds delay) {
  proof_timer_ = {};
  if (list_.prove_every == seconds(0)) return;
  const auto wait = std::min(delay, list_.prove_every);
  auto timer =
      loop_.after(wait, std::min<milliseconds>(wait / 4, std::chrono::minutes(15)), [this] {
        set_proof_timer(list_.prove_every);
        prove();
      });
  if (timer) proof_timer_ = std::move(*timer);
}

void Watcher::prove() {
  check_reservation();
  // One that still runs has a target that hangs, and will say so.
  if (proof_.running() || stopped_on_purpose(state(), loaded())) return;
  const auto started =
      proof_.start({options_.kdumpctl, "_prove"}, options_.proof_limit, [this](const JobEnd& end) {
        if (!end.problem.empty()) tell_trouble(end.problem);
        proof_failed_ = end.status != 0;
        if (!busy_) notify_status(status());
      });
  if (!started) log::error(started.error().message());
}

bool Watcher::run_job(const std::vector<std::string>& words,
                      const std::function<void(const JobEnd&)>& then) {
  std::vector<std::string> argv = {options_.kdumpctl};
  argv.insert(argv.end(), words.begin(), words.end());
  busy_ = true;
  const auto started = job_.start(argv, options_.job_limit, [this, then](const JobEnd& end) {
    busy_ = false;
    // Said once, when it is new.
    if (!end.problem.empty() && end.problem != trouble_) tell_trouble(end.problem);
    trouble_ = end.problem;
    then(end);
  });
  if (started) return true;
  busy_ = false;
  if (started.error().message() != trouble_) log::error(started.error().message());
  trouble_ = started.error().message();
  return false;
}

std::optional<bool> Watcher::loaded() const {
  const auto answer = crash_image_loaded(options_.paths);
  return answer ? std::optional(*answer) : std::nullopt;
}

std::optional<ArmingState> Watcher::state() const {
  auto answer = read_arming_state(options_.paths);
  return answer ? std::optional(std::move(*answer)) : std::nullopt;
}

std::string Watcher::status() const {
  std::string line = status_line(state(), loaded());
  if (!trouble_.empty()) line += "; " + trouble_;
  if (proof_failed_) line += "; a target does not take dumps now: see 'kdumpctl status -v'";
  return line;
}

// sysfs does not tell when it changes. Not while kdumpctl loads: reading it keeps the kernel from
// that.
void Watcher::check_reservation() {
  if (busy_) return;
  const auto now = reserved_bytes(options_.paths);
  if (!now || *now == reserved_) return;
  reserved_ = *now;
  add({.refresh = true});
}

}  // namespace kdump
