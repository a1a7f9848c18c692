#include "initramfs/capture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "initramfs/block_device.h"
#include "initramfs/capture_plan.h"
#include "initramfs/child.h"
#include "initramfs/dump_name.h"
#include "initramfs/manifest.h"
#include "initramfs/mounts.h"
#include "makedump/base/fd.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr char kVmcore[] = "/proc/vmcore";
constexpr seconds kDeviceLimit{30};  // for the target to appear after its drivers are loaded
constexpr seconds kMountLimit{300};  // journal replay of a large file system on a slow disk
constexpr seconds kQuickLimit{60};   // for what takes no time unless a disk hangs
constexpr seconds kTickLimit{120};   // between two ticks of a running child

// /dev/kmsg refuses records above 1 KiB, and a message must not get lost for being long.
std::string fitting(std::string text) {
  constexpr size_t kLongest = 900;
  if (text.size() > kLongest) text.replace(kLongest, std::string::npos, " …");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// Paths as the admin knows them, from the root of the target's own file system.
std::string as_on_target(std::string text) {
  constexpr std::string_view kPrefix = kTargetMountPoint;
  for (size_t at = 0; (at = text.find(kPrefix, at)) != std::string::npos;)
    text.erase(at, kPrefix.size());
  return text;
}

void say(const std::string& text) {
  log::info(fitting(text));
}

void say_error(const std::string& text) {
  log::error(fitting(text));
}

// Messages go to /dev/kmsg: with a time, in order with the kernel's own, to every console and to
// netconsole, which /dev/console (the last console= only) would not do. In return the console must
// show them whatever `quiet` or `loglevel=` say, and the kernel must not drop any for being many.
void open_log() {
  (void)write_existing_file("/proc/sys/kernel/printk_devkmsg", "on\n");
  constexpr int kShowInfo = 7;
  int console_level = 0;
  if (const auto printk = read_text_file("/proc/sys/kernel/printk"))
    (void)std::sscanf(printk->c_str(), "%d", &console_level);
  if (console_level < kShowInfo)
    (void)write_existing_file("/proc/sys/kernel/printk", std::to_string(kShowInfo) + "\n");
  log::open("kdump-capture", log::Where::kernel_log);
}

Result<CapturePlan> read_plan(WorkerState& state) {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(kPlanPath));
  KDUMP_TRY_ASSIGN(CapturePlan plan, decode_capture_plan(text, kPlanPath));
  state.set_actions(plan.failure_action, plan.final_action);
  return plan;
}

Result<void> check_vmcore() {
  if (::access(kVmcore, R_OK) == 0) return {};
  return Error(Errc::not_found,
               "no /proc/vmcore: this kernel was not started by a crash, or has no "
               "CONFIG_PROC_VMCORE, so there is nothing to save");
}

Result<void> load_module(const std::string& path, const std::string& options) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  if (::syscall(SYS_finit_module, fd.get(), options.c_str(), 0) != 0 && errno != EEXIST)
    return Error::from_errno("module " + path);
  return {};
}

// "path options…" a line. One that does not load is told and passed over: it may be a faster
// variant for another CPU, and if it was needed, the device will not appear, which is told as well.
void load_modules(WorkerState& state) {
  const auto list = read_text_file(kModuleListPath);
  if (!list) return say_error(list.error().message());
  std::istringstream lines(*list);
  for (std::string line; std::getline(lines, line);) {
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string path = line.substr(0, blank);
    state.doing(("loading " + path).c_str(), kQuickLimit);
    const auto loaded = load_module(path, blank < line.size() ? line.substr(blank + 1) : "");
    if (!loaded && loaded.error().sys_errno() != ENODEV) say_error(loaded.error().message());
    // In the kernel now; the image's files are memory, too.
    (void)::unlink(path.c_str());
  }
}

Result<std::string> wait_for_device(const std::string& spec, WorkerState& state) {
  state.doing(("looking for " + spec).c_str(), kDeviceLimit + kQuickLimit);
  BlockDeviceSearch search(spec);
  const auto start = steady_clock::now();
  for (;;) {
    auto found = search.find();
    if (found) return found;
    if (steady_clock::now() - start >= kDeviceLimit)
      return Error(Errc::not_found, "target " + spec + " did not appear within " +
                                        std::to_string(kDeviceLimit.count()) +
                                        " s (block devices here: " + search.seen() + ")");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Result<void> mount_plan(const CapturePlan& plan, WorkerState& state) {
  KDUMP_TRY_ASSIGN(const std::string device, wait_for_device(plan.device, state));
  state.doing(("mounting " + device).c_str(), kMountLimit);
  (void)::mkdir(kTargetMountPoint, 0700);
  std::string warning;
  KDUMP_TRY(mount_target(device, kTargetMountPoint, plan.filesystem, plan.mount_options, warning));
  if (!warning.empty()) log::warning(fitting(warning));
  return {};
}

struct DumpDirectory {
  std::string path;  // on the target's own file system
  std::string name;
  bool test = false;
};

Result<DumpDirectory> make_dump_directory(const CapturePlan& plan) {
  const std::string& directory = plan.directory;
  std::error_code failed;
  std::filesystem::create_directories(kTargetMountPoint + directory, failed);
  if (failed) return Error::from_errno("making directory " + directory, failed.value());
  const auto command_line = read_text_file("/proc/cmdline");
  const auto of_test = command_line ? test_directory_name(*command_line) : std::nullopt;
  const std::string name = of_test ? *of_test
                                   : dump_directory_name({.pattern = plan.naming,
                                                          .ip = "127.0.0.1",  // the target is local
                                                          .hostname = plan.hostname,
                                                          .colons = plan.filesystem != "vfat"},
                                                         ::time(nullptr));
  const std::string above = (directory == "/" ? "" : directory) + "/";
  // A clock that stands still must not cost the second dump.
  for (int attempt = 1; attempt < 1000; ++attempt) {
    DumpDirectory made;
    made.name = attempt == 1 ? name : name + "-" + std::to_string(attempt);
    made.path = above + made.name;
    made.test = of_test.has_value();
    // Memory holds passwords and keys: for root alone, from the first byte on.
    if (::mkdir((kTargetMountPoint + made.path).c_str(), 0700) == 0) {
      KDUMP_TRY(sync_parent_directory(kTargetMountPoint + made.path));
      return made;
    }
    if (errno != EEXIST) return Error::from_errno("making directory " + made.path);
  }
  return Error(Errc::exists, above + name + ": there are a thousand of this name");
}

uint64_t available_kib() {
  const auto text = read_text_file("/proc/meminfo");
  if (!text) return 0;
  const size_t at = text->find("MemAvailable:");
  if (at == std::string::npos) return 0;
  return std::strtoull(text->c_str() + at + 13, nullptr, 10);
}

// Where makedump puts its part of the manifest: in memory, so that a full target does not cost it.
constexpr char kLogManifest[] = "/run/vmcore-dmesg.json";
constexpr char kDumpManifest[] = "/run/vmcore.json";

// In place, without asking for a block where one is enough.
Result<void> overwrite_file(const std::string& path, const std::string& text) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_WRONLY | O_NOFOLLOW));
  KDUMP_TRY(pwrite_all(fd, as_bytes(text), FileOffset(0), path));
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0 || ::fsync(fd.get()) != 0)
    return Error::from_errno(path);
  return {};
}

class Saver {
 public:
  Saver(const CapturePlan& plan, DumpDirectory directory, WorkerState& state)
      : directory_(std::move(directory)), state_(state) {
    record_.id = directory_.name;
    record_.directory = directory_.path;
    record_.hostname = plan.hostname;
    record_.target = plan.filesystem + " " + plan.device;
    record_.test = directory_.test;
    record_.begun = ::time(nullptr);
    record_.least_available_kib = available_kib();
  }

  Result<void> save_kernel_log() {
    auto saved = run({kMakedumpPath, "--dump-dmesg", "--manifest", kLogManifest, kVmcore,
                      on_target("vmcore-dmesg.txt")},
                     "vmcore-dmesg.txt");
    if (!saved) record_.log_error = as_on_target(saved.error().message());
    return saved;
  }

  Result<void> save_dump(std::vector<std::string> collector) {
    for (const std::string& word : {std::string("--manifest"), std::string(kDumpManifest),
                                    std::string(kVmcore), on_target("vmcore")})
      collector.push_back(word);
    return run(std::move(collector), "vmcore");
  }

  // Says how far the capture came; `error` is why it came no further, nothing if it is complete.
  void write_manifest(const std::string& error) {
    state_.doing("writing vmcore.json", kQuickLimit);
    record_.error = fitting(as_on_target(error));
    record_.state = state_of_files();
    record_.ended = ::time(nullptr);
    std::vector<std::string> parts;
    for (const char* path : {kLogManifest, kDumpManifest})
      if (auto part = read_text_file(path)) parts.push_back(std::move(*part));
    const std::string text = complete_manifest(parts, record_);
    auto written = publish_file(on_target(kManifestName), as_bytes(text), 0600);
    // The dump took all room there was: that of the manifest that is there already is left.
    if (!written && written.error().code() == Errc::no_space)
      written = overwrite_file(on_target(kManifestName), text);
    if (!written) say_error("vmcore.json not written: " + as_on_target(written.error().message()));
  }

 private:
  [[nodiscard]] std::string on_target(const std::string& name) const {
    return kTargetMountPoint + directory_.path + "/" + name;
  }

  [[nodiscard]] bool exists(const std::string& name) const {
    return ::access(on_target(name).c_str(), F_OK) == 0;
  }

  [[nodiscard]] std::string state_of_files() const {
    if (exists("vmcore")) return "complete";
    if (exists("vmcore-incomplete")) return "incomplete";
    return exists("vmcore-dmesg.txt") || exists("vmcore-dmesg-incomplete.txt") ? "dmesg_only"
                                                                               : "failed";
  }

  Result<void> run(std::vector<std::string> argv, const std::string& name) {
    uint64_t least_available = available_kib();
    const auto promise = [&] { state_.doing(("saving " + name).c_str(), kTickLimit); };
    promise();
    ChildOptions options;
    options.argv = std::move(argv);
    options.output_directory = kTargetMountPoint + directory_.path;
    // Its own words pass through to the console alone: a progress display is not for the log.
    options.on_line = [](const std::string& line) {
      (void)write_all(console(), as_bytes(as_on_target(line) + "\n"), "console");
    };
    options.on_tick = [&] {
      promise();
      least_available = std::min(least_available, available_kib());
    };
    const auto ended = run_child(options);
    least_available = std::min(least_available, available_kib());
    record_.least_available_kib = std::min(record_.least_available_kib, least_available);
    if (!ended) return ended.error();
    say("saved " + directory_.path + "/" + name);
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), "%s: %.1f s, peak memory %s, %s available at the least",
                  name.c_str(), ended->seconds, human_bytes(ended->peak_memory_kib * 1024).c_str(),
                  human_bytes(least_available * 1024).c_str());
    say(text.data());
    return {};
  }

  static const Fd& console() {
    static const Fd fd(::dup(STDERR_FILENO));
    return fd;
  }

  const DumpDirectory directory_;
  WorkerState& state_;
  CaptureRecord record_;
};

Result<void> unmount_target(WorkerState& state) {
  state.doing("syncing and unmounting the target", kMountLimit);
  if (::umount2(kTargetMountPoint, 0) != 0)
    return Error::from_errno(std::string("unmounting ") + kTargetMountPoint);
  return {};
}

// The contents page of a capture.
Result<void> run_capture(WorkerState& state) {
  // 1 What is to be done, and is there anything to do?
  KDUMP_TRY_ASSIGN(const CapturePlan plan, read_plan(state));
  KDUMP_TRY(check_vmcore());
  say("saving to " + plan.device + " (" + plan.filesystem + "), directory " + plan.directory);

  // 2 Reach the target.
  load_modules(state);
  KDUMP_TRY(mount_plan(plan, state));
  KDUMP_TRY_ASSIGN(DumpDirectory directory, make_dump_directory(plan));

  // 3 The kernel log first: it is small, and often it is enough.
  Saver saver(plan, std::move(directory), state);
  if (const auto saved = saver.save_kernel_log(); !saved)
    say_error("vmcore-dmesg.txt not saved, going on with the dump: " +
              as_on_target(saved.error().message()));
  // If nobody comes to write another one, this is true.
  saver.write_manifest("the capture ended before the dump was saved");

  // 4 The dump, and what is to be said of it.
  auto result = saver.save_dump(plan.core_collector);
  saver.write_manifest(result ? "" : result.error().message());

  // 5 Leave the target clean, whatever came out.
  auto unmounted = unmount_target(state);
  if (!unmounted && result) return unmounted;
  return result;
}

}  // namespace

bool capture(WorkerState& state) {
  open_log();
  const auto result = run_capture(state);
  if (!result) say_error("dump not saved: " + as_on_target(result.error().message()));
  return result.has_value();
}

}  // namespace kdump
