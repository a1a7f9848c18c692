#include "initramfs/capture/hooks.h"

#include <algorithm>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/child.h"
#include "initramfs/plan/image_paths.h"
#include "initramfs/plan/plan_words.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::seconds;

constexpr seconds kMargin{60};  // PID 1 waits longer than we do before it gives up

// How hooks ended, a line of words each: every step is a process of its own.
constexpr char kRecordPath[] = "/run/kdump-hooks";

std::string last_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The kernel runs programs and what begins with #!; a shell would run any text, so we do.
std::vector<std::string> how_to_run(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  char bytes[4] = {};
  const ssize_t got = fd ? ::read(fd->get(), bytes, sizeof bytes) : -1;
  const std::string_view beginning(bytes, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (beginning.empty() || beginning.starts_with("#!") || beginning.starts_with("\177ELF"))
    return {path};
  return {"/bin/sh", path};
}

std::vector<std::string> environment_of(const std::string& hook, const HookContext& context) {
  return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME=/",
          "TERM=linux",
          "KDUMP_HOOK=" + hook,
          "KDUMP_TARGET=" + context.target,
          "KDUMP_DIRECTORY=" + context.directory,
          "KDUMP_PATH=" + context.path,
          "KDUMP_STATE=" + context.state,
          "KDUMP_ERROR=" + context.error};
}

}  // namespace

HookRunner::HookRunner(const CapturePlan& plan, WorkerState& state, std::string root)
    : plan_(plan), state_(state), root_(std::move(root)) {}

bool HookRunner::before(const HookContext& context) {
  const int status = run("kdump_pre", plan_.hooks.pre, context, {});
  // A shell's words for "no such command" are not one either.
  if (status > 0 && status != 126 && status != 127) {
    say_warning("no dump is made: kdump_pre " + plan_.hooks.pre + " ended with status " +
                std::to_string(status));
    return false;
  }
  run_all_in(kPreHookDirectory, context, {});
  return true;
}

void HookRunner::after(const HookContext& context, int status) {
  const Words arguments = {std::to_string(status)};
  run_all_in(kPostHookDirectory, context, arguments);
  (void)run("kdump_post", plan_.hooks.post, context, arguments);
}

void HookRunner::on_failure(const HookContext& context) {
  if (!state_.begin_emergency()) return;
  run_all_in(kEmergencyHookDirectory, context, {});
  (void)run("kdump_emergency", plan_.hooks.emergency, context, {});
}

int HookRunner::run(const std::string& hook, const std::string& program, const HookContext& context,
                    const Words& arguments) const {
  if (program.empty()) return -1;
  if (root_.empty()) install_applets(state_);
  ChildOptions options;
  options.argv = how_to_run(root_ + program);
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.environment = environment_of(hook, context);
  options.apart = true;
  options.time_limit = plan_.hook_limit;
  options.stall_limit = options.silent_limit = plan_.hook_limit + kMargin;
  const std::string name = last_name(program);
  options.on_line = [&](const std::string& line) { say(name + ": " + line); };
  say("running " + hook + " " + program);
  state_.doing(("running " + hook + " " + program).c_str(), plan_.hook_limit + kMargin);

  // What is not there has not said that it wants no dump.
  const bool there = ::access((root_ + program).c_str(), X_OK) == 0;
  ChildEnd end;
  if (there)
    end = run_child(options);
  else
    end.error = program + " is not there, or cannot be run";
  if (!end.ok()) say_warning(hook + ": " + end.error);
  note({hook, program, end.status, end.error, end.seconds});
  return end.status;
}

void HookRunner::run_all_in(const std::string& directory, const HookContext& context,
                            const Words& arguments) const {
  const std::string hook = last_name(directory);
  for (const std::string& program : programs_in(directory))
    (void)run(hook, program, context, arguments);
}

HookRunner::Words HookRunner::programs_in(const std::string& directory) const {
  Words programs;
  DIR* dir = ::opendir((root_ + directory).c_str());
  if (!dir) return programs;
  while (const dirent* entry = ::readdir(dir))
    if (entry->d_name[0] != '.') programs.push_back(directory + "/" + entry->d_name);
  ::closedir(dir);
  std::sort(programs.begin(), programs.end());
  return programs;
}

void HookRunner::note(const HookRun& run) const {
  const auto fd = open_file(root_ + kRecordPath, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (!fd) return;
  std::string line = plan_word(run.hook);
  for (const std::string& word : {run.program, std::to_string(run.status), fitting(run.error),
                                  std::to_string(static_cast<int64_t>(run.seconds * 1000))})
    line += " " + plan_word(word);
  (void)write_all(*fd, as_bytes(line + "\n"), kRecordPath);
}

std::vector<HookRun> HookRunner::ran() const {
  std::vector<HookRun> runs;
  const auto text = read_text_file(root_ + kRecordPath);
  if (!text) return runs;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto words = words_of_plan_line(line);
    if (!words || words->size() != 5) continue;
    runs.push_back({(*words)[0], (*words)[1], std::atoi((*words)[2].c_str()), (*words)[3],
                    std::strtod((*words)[4].c_str(), nullptr) / 1000});
  }
  return runs;
}

void start_fence_kdump(const CapturePlan& plan) {
  if (plan.fence_kdump.empty()) return;
  const pid_t pid = ::fork();
  if (pid < 0) say_error(Error::from_errno("fence_kdump_send could not be started").message());
  if (pid != 0) return;
  // Of no process group that ends with this step.
  (void)::setsid();
  ChildOptions options;
  options.argv = plan.fence_kdump;
  // It sends a packet every few seconds, and has done its work when the machine ends.
  options.stall_limit = options.silent_limit = std::chrono::hours(24 * 365);
  options.on_line = [](const std::string& line) { say("fence_kdump_send: " + line); };
  say("telling the cluster: " + plan.fence_kdump.front());
  const ChildEnd end = run_child(options);
  if (end.ok())
    say("fence_kdump_send has ended");
  else
    say_warning("the cluster is not told any more that a dump is being saved: " + end.error);
  ::_exit(0);
}

void install_applets(WorkerState& state) {
  constexpr char kDone[] = "/run/kdump-applets";
  constexpr seconds kLimit{60};
  if (::access(kBusyboxPath, X_OK) != 0 || ::access(kDone, F_OK) == 0) return;
  state.doing("listing the applets of busybox", kLimit);
  (void)open_file(kDone, O_WRONLY | O_CREAT, 0600);
  ChildOptions options;
  options.argv = {kBusyboxPath, "--list"};
  options.time_limit = kLimit / 2;
  options.on_line = [](const std::string& name) {
    if (name.find('/') != std::string::npos) return;
    for (const char* directory : kImageProgramDirectories)
      if (::access((std::string(directory) + "/" + name).c_str(), F_OK) == 0) return;
    (void)!::symlink("busybox", ("/usr/bin/" + name).c_str());
  };
  if (const ChildEnd end = run_child(options); !end.ok()) say_warning(end.error);
}

}  // namespace kdump
