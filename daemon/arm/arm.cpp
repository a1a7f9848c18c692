#include "daemon/arm/arm.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "config/command_line.h"
#include "config/host_files.h"
#include "config/sysconfig.h"
#include "config/words.h"
#include "daemon/arm/command_line_host.h"
#include "daemon/arm/disk_keys.h"
#include "daemon/arm/last_good.h"
#include "daemon/arm/signature.h"
#include "daemon/arm/ssh_files.h"
#include "initramfs/image/digest.h"
#include "initramfs/image/dracut_image.h"
#include "initramfs/image/dracut_recipe.h"
#include "initramfs/image/image_record.h"
#include "initramfs/image/support.h"
#include "initramfs/image/target.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

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

// KEXEC_ARGS is for kexec-tools, which are not used here. Words that choose the system call ask for
// what happens anyway.
void warn_about_kexec_args(const HostPaths& paths, const Sysconfig& sysconfig,
                           std::vector<std::string>& warnings) {
  constexpr std::array<std::string_view, 6> kHarmless = {
      "-s", "-c", "-a", "--kexec-file-syscall", "--kexec-syscall", "--kexec-syscall-auto"};
  for (const std::string& word : split_parameters(sysconfig.kexec_args))
    if (std::ranges::find(kHarmless, word) == kHarmless.end())
      warnings.push_back(paths.sysconfig() + ": KEXEC_ARGS: " + word +
                         " has no effect: kdumpd loads with kexec_file_load, without kexec");
}

Result<std::string> plan_command_line(const Host& host, const Settings& loaded,
                                      const KernelImage& kernel) {
  KDUMP_TRY_ASSIGN(const CommandLineHost facts, read_command_line_host(host.paths));
  KDUMP_TRY_ASSIGN(CommandLineSettings settings, command_line_settings(loaded, host.machine));
  // As RHEL's initrd reads it: what is to be seen on the console.
  if (const int level = loaded.sysconfig.std_log_level; level != Sysconfig{}.std_log_level)
    settings.append += " rd.kdumploglvl=" + std::to_string(level);
  std::string line = capture_command_line(settings, facts);
  KDUMP_TRY(check_command_line_length(line, kernel.command_line_size));
  return line;
}

Result<void> make_state_directory(const HostPaths& paths) {
  if (::mkdir(paths.state().c_str(), 0700) != 0 && errno != EEXIST)
    return Error::from_errno(paths.state());
  return {};
}

// Half images of builders that were killed, what dracut was at work in then (with keys in it), and
// images of kernels that are gone.
void remove_leftovers(const HostPaths& paths) {
  constexpr std::string_view kPrefix = "initramfs-", kEnd = "kdump.img", kHalf = "kdump.img.new";
  std::error_code failed;
  for (fs::directory_iterator it(paths.state(), failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename();
    if (name.starts_with(kDracutScratch)) {
      std::error_code ignored;
      fs::remove_all(it->path(), ignored);
    }
    if (!name.starts_with(kPrefix)) continue;
    const bool half = name.ends_with(kHalf);
    if (!half && !name.ends_with(kEnd)) continue;
    const std::string release =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - kEnd.size());
    if (half || ::access(paths.modules(release).c_str(), F_OK) != 0)
      (void)::unlink(it->path().c_str());
  }
}

ImageOptions image_options(const Host& host, const ArmPlan& plan) {
  ImageOptions options;
  options.kernel_release = plan.kernel.release;
  options.modules_root = host.paths.modules_root();
  options.programs_directory = host.programs_directory;
  options.programs = plan.programs;
  options.extra_modules = plan.settings.extra_modules;
  return options;
}

// What an image that is to be loaded again will do. One that kdumpd did not build is taken only
// when it is the one that is loaded: nobody can tell whether another one is whole.
Result<CapturePlan> plan_in_image(const HostPaths& paths, const std::string& image) {
  KDUMP_TRY_ASSIGN(const VerifiedImage verified, verify_image(image));
  if (verified.record) return decode_capture_plan(verified.record->plan, image);
  const auto state = read_arming_state(paths);
  if (state && state->holding.image_digest == verified.digest) return CapturePlan{};
  return Error(Errc::bad_input,
               image +
                   ": was not built by kdumpd, and is not what is loaded; 'kdumpctl restart' "
                   "builds a new one");
}

Result<Holding> load(const Host& host, const CrashImage& image) {
  KDUMP_TRY_ASSIGN(GivenImage given, load_crash_image(host.paths, host.kexec_file_load, image));
  Holding holding;
  holding.kernel = image.kernel;
  holding.image = image.initrd;
  holding.kernel_digest = std::move(given.kernel_digest);
  holding.image_digest = std::move(given.image_digest);
  holding.command_line = image.command_line;
  holding.loaded_at = ::time(nullptr);
  return holding;
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
  plan.warnings = std::move(loaded.warnings);
  plan.programs = admin_programs(loaded, host.paths.root, plan.warnings);
  plan.settings = std::move(loaded.settings);
  warn_about_kexec_args(host.paths, plan.settings.sysconfig, plan.warnings);

  // Which kernel, told what
  KDUMP_TRY_ASSIGN(plan.kernel, choose_kernel(host, plan.settings.sysconfig));
  KDUMP_TRY(check_kernel_signature(host.paths, host.release, plan.kernel.path));
  KDUMP_TRY_ASSIGN(plan.command_line, plan_command_line(host, plan.settings, plan.kernel));

  // Where dumps go
  KDUMP_TRY_ASSIGN(plan.capture, host.resolve_target(plan.settings));
  KDUMP_TRY(complete_ssh_targets(host.paths, plan.settings, plan.capture));
  for (const Target& target : plan.settings.targets)
    if (std::string warning = raw_target_warning(target); !warning.empty())
      plan.warnings.push_back(std::move(warning));
  if (plan.capture.image == ImageKind::dracut) {
    KDUMP_TRY_ASSIGN(DiskKeys keys, disk_keys(host.paths, plan.settings, plan.reserved));
    std::ranges::move(keys.warnings, std::back_inserter(plan.warnings));
  }
  if (plan.capture.image != ImageKind::dracut && !plan.settings.dracut_args.empty())
    plan.warnings.push_back(loaded.origins["dracut_args"] +
                            ": dracut_args has no effect: the capture image is not built by "
                            "dracut ('image: dracut' in policy.yaml has it so)");

  for (const std::string& module :
       unknown_modules(plan.settings.extra_modules, image_options(host, plan)))
    plan.warnings.push_back("extra_modules: kernel " + plan.kernel.release + " has no module " +
                            module + ": the capture image does without");

  plan.image = host.paths.image(plan.kernel.release);
  return plan;
}

Result<ArmPlan> plan_reload(const Host& host) {
  ArmPlan plan;
  KDUMP_TRY_ASSIGN(plan.reserved, check_reservation(host.paths));
  KDUMP_TRY_ASSIGN(plan.settings.sysconfig, load_sysconfig(host.paths.sysconfig()));
  KDUMP_TRY_ASSIGN(plan.kernel, choose_kernel(host, plan.settings.sysconfig));
  KDUMP_TRY(check_kernel_signature(host.paths, host.release, plan.kernel.path));
  KDUMP_TRY_ASSIGN(plan.command_line, plan_command_line(host, plan.settings, plan.kernel));
  plan.image = host.paths.image(plan.kernel.release);
  if (::access(plan.image.c_str(), R_OK) != 0)
    return Error::from_errno(plan.image)
        .context("there is no capture image to load again; 'kdumpctl restart' builds one");
  KDUMP_TRY_ASSIGN(plan.capture, plan_in_image(host.paths, plan.image));
  KDUMP_TRY(check_planned(host, plan));
  return plan;
}

Result<ImageRecipe> planned_recipe(const Host& host, const ArmPlan& plan) {
  ImageOptions options = image_options(host, plan);
  KDUMP_TRY_ASSIGN(options.extra_files, ssh_image_files(host.paths, plan.settings, plan.capture));
  if (plan.capture.image == ImageKind::dracut) {
    KDUMP_TRY_ASSIGN(DiskKeys keys, disk_keys(host.paths, plan.settings, plan.reserved));
    std::ranges::move(keys.files, std::back_inserter(options.extra_files));
  }
  auto recipe = host.image_recipe(plan.capture, options);
  if (!recipe) return std::move(recipe).error().context("building " + plan.image);
  // Quotes were checked when kdump.conf was read.
  if (const auto words = split_quoted_words(plan.settings.dracut_args))
    add_dracut_words(*recipe, *words);
  return recipe;
}

Result<Freshness> planned_freshness(const Host& host, const ArmPlan& plan) {
  KDUMP_TRY_ASSIGN(const ImageRecipe recipe, planned_recipe(host, plan));
  KDUMP_TRY_ASSIGN(Freshness freshness, image_freshness(recipe, plan.image));
  if (plan.settings.rebuild == Rebuild::never && freshness.usable) freshness.reasons.clear();
  return freshness;
}

Result<uint64_t> build_planned(const Host& host, const ArmPlan& plan) {
  KDUMP_TRY_ASSIGN(const ImageRecipe recipe, planned_recipe(host, plan));
  KDUMP_TRY(make_state_directory(host.paths));
  remove_leftovers(host.paths);
  if (auto report = host.build_image(recipe, plan.image); !report)
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

Result<Holding> planned_holding(const ArmPlan& plan) {
  Holding holding;
  holding.kernel = plan.kernel.path;
  holding.image = plan.image;
  holding.command_line = plan.command_line;
  KDUMP_TRY_ASSIGN(FileDigest kernel, file_digest(plan.kernel.path));
  KDUMP_TRY_ASSIGN(FileDigest image, file_digest(plan.image));
  holding.kernel_digest = std::move(kernel.digest);
  holding.image_digest = std::move(image.digest);
  return holding;
}

LoadOutcome load_planned(const Host& host, const ArmPlan& plan) {
  LoadOutcome outcome;
  const CrashImage image{plan.kernel.path, plan.image, plan.command_line};
  if (plan.capture.image == ImageKind::dracut)
    if (const auto keys = disk_keys(host.paths, plan.settings, plan.reserved))
      if (auto told = hand_over_keys(host.paths, keys->handed_over); !told)
        outcome.problems.push_back(told.error().message());
  auto loaded = load(host, image);
  if (!loaded) {
    outcome.problems.push_back(loaded.error().message());
    // Some refusals come before the old image is freed.
    const auto still_loaded = crash_image_loaded(host.paths);
    if (still_loaded && *still_loaded) {
      outcome.loaded = Loaded::kept;
      return outcome;
    }
    LoadOutcome before = load_last_good(host);
    outcome.loaded = before.loaded;
    outcome.holding = std::move(before.holding);
    std::ranges::move(before.problems, std::back_inserter(outcome.problems));
    return outcome;
  }
  outcome.loaded = Loaded::new_image;
  outcome.holding = *std::move(loaded);
  if (auto kept = remember_last_good(host, outcome.holding); !kept)
    outcome.problems.push_back("this image is not kept for bad times: " + kept.error().message());
  return outcome;
}

LoadOutcome load_last_good(const Host& host) {
  LoadOutcome outcome;
  const auto before = last_good(host);
  if (!before) return outcome;
  auto again = load(host, *before);
  if (again) {
    outcome.loaded = Loaded::last_good;
    outcome.holding = *std::move(again);
    return outcome;
  }
  outcome.problems.push_back("loading " + before->initrd + " instead: " + again.error().message());
  const auto still_loaded = crash_image_loaded(host.paths);
  if (still_loaded && *still_loaded) outcome.loaded = Loaded::kept;
  return outcome;
}

}  // namespace kdump
