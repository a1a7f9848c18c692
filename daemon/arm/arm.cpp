#include "daemon/arm/arm.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "config/command_line.h"
#include "config/host_files.h"
#include "config/sysconfig.h"
#include "daemon/arm/command_line_host.h"
#include "daemon/arm/last_good.h"
#include "initramfs/support.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

Result<uint64_t> check_reservation(const HostPaths& paths) {
  KDUMP_TRY_ASSIGN(const uint64_t bytes, reserved_bytes(paths));
  if (bytes == 0)
    return Error(
        Errc::no_memory,
        "No memory reserved for crash kernel: boot with crashkernel= on the kernel command "
        "line, for example crashkernel=256M");
  KDUMP_TRY(check_loading_allowed(paths));
  return bytes;
}

Result<std::string> plan_command_line(const Host& host, const Settings& loaded,
                                      const KernelImage& kernel) {
  KDUMP_TRY_ASSIGN(const CommandLineHost facts, read_command_line_host(host.paths));
  KDUMP_TRY_ASSIGN(const CommandLineSettings settings, command_line_settings(loaded, host.machine));
  std::string line = capture_command_line(settings, facts);
  KDUMP_TRY(check_command_line_length(line, kernel.command_line_size));
  return line;
}

// Programs that RHEL's kdump would run around the dump. Not running them must not go unnoticed.
std::vector<std::string> warn_about_hooks(const HostPaths& paths) {
  std::vector<std::string> warnings;
  for (const char* name : {"pre.d", "post.d", "emergency.d"}) {
    const std::string directory = paths.hooks() + "/" + name;
    std::error_code error;
    const auto first = std::filesystem::directory_iterator(directory, error);
    if (!error && first != std::filesystem::directory_iterator())
      warnings.push_back(directory + ": programs in it are not run by this version of kdumpd");
  }
  return warnings;
}

Result<void> make_state_directory(const HostPaths& paths) {
  if (::mkdir(paths.state().c_str(), 0700) != 0 && errno != EEXIST)
    return Error::from_errno(paths.state());
  return {};
}

}  // namespace

Result<ArmPlan> plan_arming(const Host& host) {
  ArmPlan plan;

  // Can anything be loaded at all?
  KDUMP_TRY_ASSIGN(plan.reserved, check_reservation(host.paths));

  // What is asked for
  KDUMP_TRY_ASSIGN(LoadedSettings loaded, load_settings(host.paths.config_files()));
  if (auto errors = check_host_files(loaded, host.paths.root); !errors.empty())
    return std::move(errors.front());
  KDUMP_TRY(check_capture_support(loaded));
  plan.settings = std::move(loaded.settings);
  plan.warnings = std::move(loaded.warnings);
  for (std::string& warning : warn_about_hooks(host.paths))
    plan.warnings.push_back(std::move(warning));

  // Which kernel, told what
  KDUMP_TRY_ASSIGN(plan.kernel, find_kernel(host.paths, host.release, host.machine));
  KDUMP_TRY_ASSIGN(plan.command_line, plan_command_line(host, plan.settings, plan.kernel));

  // Where dumps go
  KDUMP_TRY_ASSIGN(plan.capture, host.resolve_target(plan.settings));

  plan.image = host.paths.image(host.release);
  return plan;
}

Result<ArmPlan> plan_reload(const Host& host) {
  ArmPlan plan;
  KDUMP_TRY_ASSIGN(plan.reserved, check_reservation(host.paths));
  KDUMP_TRY_ASSIGN(plan.kernel, find_kernel(host.paths, host.release, host.machine));
  KDUMP_TRY_ASSIGN(plan.settings.sysconfig, load_sysconfig(host.paths.sysconfig()));
  KDUMP_TRY_ASSIGN(plan.command_line, plan_command_line(host, plan.settings, plan.kernel));
  plan.image = host.paths.image(host.release);
  if (::access(plan.image.c_str(), R_OK) != 0)
    return Error::from_errno(plan.image)
        .context("there is no capture image to load again; 'kdumpctl restart' builds one");
  KDUMP_TRY(check_planned(host, plan));
  return plan;
}

bool image_is_fresh(const ArmPlan& plan) {
  return plan.settings.rebuild == Rebuild::never && ::access(plan.image.c_str(), R_OK) == 0;
}

Result<uint64_t> build_planned(const Host& host, const ArmPlan& plan) {
  KDUMP_TRY(make_state_directory(host.paths));
  ImageOptions options;
  options.kernel_release = host.release;
  options.modules_root = host.paths.modules_root();
  options.programs_directory = host.programs_directory;
  options.output = plan.image;
  if (auto report = host.build_image(plan.capture, options); !report)
    return std::move(report).error().context("building " + plan.image);
  return check_planned(host, plan);
}

// Refuses what cannot fit, before the kernel frees what is loaded to find that out. What fits may
// still be too little to run in; that is for a rehearsal to tell.
Result<uint64_t> check_planned(const Host& host, const ArmPlan& plan) {
  struct stat status {};
  if (::stat(plan.image.c_str(), &status) != 0) return Error::from_errno(plan.image);
  const auto image_bytes = static_cast<uint64_t>(status.st_size);
  const uint64_t room = largest_reserved_region(host.paths).value_or(plan.reserved);
  if (plan.kernel.memory_bytes + image_bytes <= room) return image_bytes;
  return Error(Errc::no_memory,
               "kernel " + plan.kernel.path + " (" + human_bytes(plan.kernel.memory_bytes) +
                   " in memory) and capture image " + plan.image + " (" + human_bytes(image_bytes) +
                   ") do not fit into the " + human_bytes(room) +
                   " reserved for the crash kernel: boot with a larger crashkernel=");
}

LoadOutcome load_planned(const Host& host, const ArmPlan& plan) {
  LoadOutcome outcome;
  const CrashImage image{plan.kernel.path, plan.image, plan.command_line};
  if (auto loaded = load_crash_image(host.paths, host.kexec_file_load, image); !loaded) {
    outcome.problems.push_back(loaded.error().message());
    // Some refusals come before the old image is freed.
    const auto still_loaded = crash_image_loaded(host.paths);
    if (still_loaded && *still_loaded) {
      outcome.loaded = Loaded::kept;
      return outcome;
    }
    const auto before = last_good(host, plan.kernel.path);
    if (!before) return outcome;
    if (auto again = load_crash_image(host.paths, host.kexec_file_load, *before); !again)
      outcome.problems.push_back("loading " + before->initrd +
                                 " instead: " + again.error().message());
    else
      outcome.loaded = Loaded::last_good;
    return outcome;
  }
  outcome.loaded = Loaded::new_image;
  if (auto kept = remember_last_good(host, image); !kept)
    outcome.problems.push_back("this image is not kept for bad times: " + kept.error().message());
  return outcome;
}

}  // namespace kdump
