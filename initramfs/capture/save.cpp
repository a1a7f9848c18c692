#include "initramfs/capture/save.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/publish_copy.h"
#include "initramfs/plan/dump_name.h"
#include "makedump/base/budget.h"
#include "makedump/base/dump_status.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kMargin{60};         // PID 1 waits longer than we do before it gives up
constexpr seconds kProgressEvery{10};  // in the kernel's log; the console has it each second

// Where makedump puts its part of the manifest: in memory, so that a full target does not cost it.
constexpr char kLogManifest[] = "/run/vmcore-dmesg.json";
constexpr char kDumpManifest[] = "/run/vmcore.json";
constexpr char kLogCopy[] = "/run/vmcore-dmesg.txt";
constexpr char kLogName[] = "vmcore-dmesg.txt";

uint64_t available_kib() {
  return available_memory_kib().value_or(0);
}

bool is(const ChildEnd& end, DumpStatus status) {
  return end.status == static_cast<int>(status);
}

}  // namespace

Saver::Saver(const CapturePlan& plan, const TargetPlan& target, Destination& destination,
             WorkerState& state)
    : plan_(plan), target_(target), destination_(destination), state_(state), hooks_(plan, state) {
  record_.hostname = plan.hostname;
  record_.target = target.described;
  record_.begun = ::time(nullptr);
  record_.least_available_kib = available_kib();
  for (unsigned i = 0; i < state.attempt() && i < plan.targets.size(); ++i)
    record_.failed_before.push_back({plan.targets[i].described, as_on_target(state.failure(i))});
}

Result<void> Saver::make_directory() {
  const auto command_line = read_text_file("/proc/cmdline");
  const auto of_test = command_line ? test_directory_name(*command_line) : std::nullopt;
  record_.test = of_test.has_value();
  record_.id = of_test ? *of_test
                       : dump_directory_name({.pattern = plan_.naming,
                                              .ip = destination_.local_ip(),
                                              .hostname = plan_.hostname,
                                              .colons = destination_.takes_colons()},
                                             ::time(nullptr));
  KDUMP_TRY_ASSIGN(directory_, destination_.make_directory(record_.id));
  record_.directory = directory_;
  // It may have got another name than asked for.
  if (!directory_.empty()) record_.id = directory_.substr(directory_.rfind('/') + 1);
  return {};
}

Result<void> Saver::save_kernel_log() {
  const auto path = destination_.path_of(kLogName);
  auto options = watched(
      {kMakedumpPath, "--dump-dmesg", "--manifest", kLogManifest, kVmcore, path.value_or(kLogCopy)},
      kLogName);
  const ChildEnd end = run_child(options);
  note_memory();
  Result<void> result;
  if (!end.ok()) {
    result = Error(Errc::io, end.error);
  } else if (!path) {
    result = publish_copy(destination_, kLogCopy, kLogName);
  }
  if (!result) {
    record_.log_error = as_on_target(result.error().message());
    return result;
  }
  log_saved_ = true;
  saved(kLogName, end);
  return {};
}

std::vector<Saver::Rung> Saver::rungs() const {
  const std::vector<std::string>& collector = plan_.core_collector;
  std::vector<std::string> unfiltered = collector;
  unfiltered.insert(unfiltered.end(), {"-d", "0"});
  return {{"filtered", collector},
          {"unfiltered", std::move(unfiltered)},
          {"copy", {kMakedumpPath, "--copy"}}};
}

Result<void> Saver::save_dump() {
  std::string first_error;
  for (const Rung& rung : rungs()) {
    record_.rung = rung.name;
    ChildEnd end = run_rung(rung.argv);
    if (is(end, DumpStatus::too_big) && first_error.empty()) {
      KDUMP_TRY_ASSIGN(const bool content, down_when_short(rung, end));
      if (content) return {};
    }
    if (end.ok()) {
      dump_saved_ = true;
      saved(destination_.dump_name(), end);
      return {};
    }
    record_.tried.push_back({rung.name, as_on_target(end.error)});
    if (first_error.empty()) first_error = end.error;
    // Another way to read the vmcore changes nothing about these.
    if (end.stalled || end.refused || is(end, DumpStatus::target) || is(end, DumpStatus::too_big))
      break;
    say_error("the " + rung.name + " dump failed: " + end.error);
  }
  record_.rung.clear();
  return Error(Errc::io, first_error);
}

// The configured answers to a dump that will not fit, one after the other. True if the plan is
// content without a dump; else `end` is how the last try ended.
Result<bool> Saver::down_when_short(const Rung& rung, ChildEnd& end) {
  for (const WhenShort answer : plan_.when_short) {
    switch (answer) {
      case WhenShort::stricter_level: {
        say_warning("leaving out more (-d 31): " + end.error);
        std::vector<std::string> argv = rung.argv;
        argv.insert(argv.end(), {"-d", "31"});
        end = run_rung(std::move(argv));
        if (!is(end, DumpStatus::too_big)) return false;
        break;
      }
      case WhenShort::dmesg_only:
        if (!log_saved_) break;
        say_warning("only the kernel's log was saved: " + end.error);
        record_.rung.clear();
        record_.error = fitting(as_on_target(end.error));
        return true;
      case WhenShort::refuse:
        return Error(Errc::no_space, end.error);
    }
  }
  return Error(Errc::no_space, end.error);
}

std::vector<std::string> Saver::room_words() {
  const auto room = destination_.room();
  if (!room) say_warning("how much room there is cannot be told: " + room.error().message());
  if (!room || !*room) return {};
  // A device that nothing else writes to needs no room left.
  const uint64_t kept = target_.kind == TargetKind::raw ? 0 : plan_.keep_free;
  const uint64_t usable = **room > kept ? **room - kept : 0;
  return {"--room", std::to_string(usable)};
}

ChildEnd Saver::run_rung(std::vector<std::string> argv) {
  // What an earlier rung said of itself is not what this one says.
  (void)::unlink(kDumpManifest);
  for (std::string& word : room_words())
    argv.push_back(std::move(word));
  const auto path = destination_.path_of(destination_.dump_name());
  if (!path) argv.emplace_back("-F");
  argv.insert(argv.end(), {"--manifest", kDumpManifest, kVmcore});
  if (path) argv.push_back(*path);
  ChildOptions options = watched(std::move(argv), destination_.dump_name());
  if (!path) return run_into_stream(std::move(options));
  const std::string directory = path->substr(0, path->rfind('/'));
  options.bytes_moved = [directory] { return bytes_in(directory); };
  ChildEnd end = run_child(options);
  note_memory();
  return end;
}

ChildEnd Saver::run_into_stream(ChildOptions options) {
  auto stream = destination_.open_stream();
  ChildEnd end;
  if (!stream) {
    end.refused = true;
    end.error = stream.error().message();
    return end;
  }
  options.bytes_moved = [&stream] { return (*stream)->confirmed(); };
  options.on_output = [&stream](Bytes bytes) { return (*stream)->write(bytes); };
  options.on_tick = [&stream, promise = std::move(options.on_tick)] {
    promise();
    (*stream)->tick();
  };
  end = run_child(options);
  note_memory();
  some_of_dump_ = some_of_dump_ || (*stream)->confirmed() != 0;
  if (!end.ok()) return end;
  if (const auto committed = (*stream)->commit(); !committed) {
    end.refused = true;
    end.error = committed.error().message();
  }
  return end;
}

ChildOptions Saver::watched(std::vector<std::string> argv, const std::string& name) {
  ChildOptions options;
  options.argv = std::move(argv);
  options.stall_limit = target_.stall_limit;
  const auto promise = [this, what = "saving " + name] {
    state_.doing(what.c_str(), target_.stall_limit + kMargin);
  };
  promise();
  progress_.clear();
  options.on_line = [this](const std::string& line) { on_line(line); };
  options.on_tick = [this, promise] {
    promise();
    note_memory();
    tell_silence();
  };
  return options;
}

// makedump's own words are for the console; of its progress the kernel's log, and with it
// netconsole and the BMC, get a line now and then.
void Saver::on_line(const std::string& line) {
  const bool is_progress = line.find(" % of ") != std::string::npos;
  if (!is_progress) return show(line);
  const size_t prefix = line.find(": ");
  progress_ = line.substr(prefix == std::string::npos ? 0 : prefix + 2) + " → " + target_.name();
  progress_since_ = steady_clock::now();
  tell_progress(progress_, progress_since_);
}

// makedump says nothing while it waits for a slow target. Who watches is not to take that for the
// end of everything.
void Saver::tell_silence() {
  const auto now = steady_clock::now();
  const auto silent = std::chrono::duration_cast<seconds>(now - progress_since_);
  if (progress_.empty() || silent < seconds(2)) return;
  tell_progress(progress_ + ", " + std::to_string(silent.count()) + " s ago", now);
}

void Saver::tell_progress(const std::string& progress, steady_clock::time_point now) {
  if (now - last_progress_ < kProgressEvery) return show(progress);
  last_progress_ = now;
  say(progress);
}

void Saver::note_memory() {
  record_.least_available_kib = std::min(record_.least_available_kib, available_kib());
}

void Saver::saved(const std::string& name, const ChildEnd& end) const {
  say("saved " + (directory_.empty() ? target_.name() : directory_) + "/" + name);
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "%s: %.1f s, peak memory %s, %s available at the least",
                name.c_str(), end.seconds, human_bytes(end.peak_memory_kib * 1024).c_str(),
                human_bytes(record_.least_available_kib * 1024).c_str());
  say(text.data());
}

std::string Saver::state() const {
  if (dump_saved_) return "complete";
  const auto part = destination_.path_of("vmcore-incomplete");
  if (some_of_dump_ || (part && ::access(part->c_str(), F_OK) == 0)) return "incomplete";
  return log_saved_ ? "dmesg_only" : "failed";
}

void Saver::tell(const std::string& error) {
  if (!error.empty()) record_.error = fitting(as_on_target(error));
  record_.state = state();
  if (dump_saved_) record_.error.clear();
  record_.ended = ::time(nullptr);
  publish_story();
}

void Saver::publish_story() {
  record_.hooks = hooks_.ran();
  std::vector<std::string> parts;
  for (const char* path : {kLogManifest, kDumpManifest})
    if (auto part = read_text_file(path)) parts.push_back(std::move(*part));
  if (const auto written = destination_.publish(kManifestName, complete_manifest(parts, record_));
      !written)
    say_error(std::string(kManifestName) + " not written: " + written.error().message());
  if (const auto written = destination_.publish("kexec-dmesg.log", own_kernel_log()); !written)
    say_error("kexec-dmesg.log not written: " + written.error().message());
}

void Saver::run_post_hooks() {
  const size_t before = hooks_.ran().size();
  const auto dump = destination_.path_of(destination_.dump_name());
  hooks_.after({.target = target_.described,
                .directory = directory_,
                .path = dump ? dump->substr(0, dump->rfind('/')) : "",
                .state = record_.state,
                .error = record_.error},
               dump_saved_ ? 0 : 1);
  if (hooks_.ran().size() != before) publish_story();
}

}  // namespace kdump
