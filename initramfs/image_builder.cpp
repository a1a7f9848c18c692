#include "initramfs/image_builder.h"

#include <algorithm>
#include <filesystem>
#include <sys/utsname.h>

#include "initramfs/block_device.h"
#include "initramfs/cpio.h"
#include "initramfs/device_modules.h"
#include "initramfs/elf_closure.h"
#include "initramfs/module_file.h"
#include "initramfs/modules.h"
#include "initramfs/mount_options.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"
#include "makedump/compress/codec.h"

namespace kdump {

namespace {

// Faster levels cost memory in the capture kernel (the packed image is there next to the unpacked
// one until it is unpacked), higher ones cost seconds at every rebuild for a few percent.
constexpr int kCompressionLevel = 9;

std::string below(const std::string& directory, const std::string& name) {
  return (directory == "/" ? "" : directory) + "/" + name;
}

Result<void> check_plan(const CapturePlan& plan) {
  if (plan.failure_action == FailureAction::shell ||
      plan.failure_action == FailureAction::dump_to_rootfs)
    return Error(Errc::unsupported,
                 "failure_action " + std::string(name_of(plan.failure_action)) +
                     ": the native capture image has no " +
                     (plan.failure_action == FailureAction::shell ? "shell" : "root file system") +
                     ": write reboot, halt or poweroff");
  // What is written now is read on a dead machine: the reader judges it here and now.
  const auto decoded = decode_capture_plan(encode(plan), "capture plan");
  if (!decoded) return decoded.error();
  return {};
}

bool is_running(const std::string& release) {
  utsname names{};
  return ::uname(&names) == 0 && release == names.release;
}

Result<std::string> kernel_name_of_target(const std::string& spec) {
  BlockDeviceSearch search(spec);
  KDUMP_TRY_ASSIGN(const std::string device, search.find());
  std::error_code failed;
  const auto real = std::filesystem::canonical(device, failed);
  std::string name =
      (failed ? std::filesystem::path(device) : real).lexically_relative("/dev").string();
  std::replace(name.begin(), name.end(), '/', '!');
  return name;
}

// A file system module, and what it asks the kernel for only when it mounts.
Result<void> add_filesystem_modules(ModuleResolver& resolver, const CapturePlan& plan) {
  KDUMP_TRY_ASSIGN(const auto match, resolver.add("fs-" + plan.filesystem));
  if (match == ModuleResolver::Match::none) {
    // minix and a few others have no alias in old kernels, but the module has the name.
    KDUMP_TRY_ASSIGN(const auto by_name, resolver.add(plan.filesystem));
    if (by_name == ModuleResolver::Match::none)
      return Error(Errc::not_found, "kernel has no module for file system " + plan.filesystem);
  }
  std::vector<std::string> wanted;
  // Character sets: those it is mounted with, and the defaults.
  if (plan.filesystem == "vfat") wanted = {"nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8"};
  if (const auto charset = mount_option_value(plan.mount_options, "iocharset"))
    wanted.push_back("nls_" + *charset);
  if (const auto codepage = mount_option_value(plan.mount_options, "codepage"))
    wanted.push_back("nls_cp" + *codepage);
  for (const std::string& name : wanted)
    KDUMP_TRY(resolver.add(name));
  return {};
}

Error not_in_kernel(const std::string& device, const std::string& driver,
                    const std::string& release) {
  return {Errc::not_found, device_path(device) + " is driven by " + driver + ", which kernel " +
                               release + " does not have"};
}

Result<std::vector<KernelModule>> collect_modules(const CapturePlan& plan,
                                                  const ImageOptions& options) {
  KDUMP_TRY_ASSIGN(ModuleResolver resolver,
                   ModuleResolver::open(options.kernel_release, options.modules_root));
  KDUMP_TRY_ASSIGN(const std::string device, kernel_name_of_target(plan.device));
  KDUMP_TRY(check_plain_device(device));
  KDUMP_TRY_ASSIGN(const DeviceDrivers drivers, find_device_drivers(device));
  for (const std::string& name : drivers.modules) {
    KDUMP_TRY_ASSIGN(const auto match, resolver.add(name));
    if (match == ModuleResolver::Match::none)
      return not_in_kernel(device, name, options.kernel_release);
  }
  // Built into the running kernel; elsewhere it may be a module.
  if (!is_running(options.kernel_release))
    for (const std::string& alias : drivers.aliases)
      KDUMP_TRY(resolver.add(alias));
  KDUMP_TRY(add_filesystem_modules(resolver, plan));
  return resolver.modules();
}

Result<void> add_modules(CpioArchive& archive, const std::vector<KernelModule>& modules,
                         const ImageOptions& options) {
  const std::string root = options.modules_root == "/" ? "" : options.modules_root;
  std::string list;
  for (const KernelModule& module : modules) {
    KDUMP_TRY_ASSIGN(auto content, read_module_file(module.path));
    std::string path = unpacked_name(module.path);
    if (path.starts_with(root)) path.erase(0, root.size());
    list += path + (module.options.empty() ? "" : " " + module.options) + "\n";
    KDUMP_TRY(archive.add_file(path, 0644, std::move(content)));
  }
  const Bytes text = as_bytes(list);
  return archive.add_file(kModuleListPath, 0644, {text.begin(), text.end()});
}

Result<void> add_programs(CpioArchive& archive, const ImageOptions& options, ImageReport& report) {
  const std::string capture = below(options.programs_directory, "kdump-capture");
  const std::string makedump = below(options.programs_directory, "makedump");
  struct Program {
    std::string source, image_path;
  };
  for (const Program& program : {Program{capture, "/init"}, Program{makedump, kMakedumpPath}}) {
    KDUMP_TRY_ASSIGN(auto content, loadable_part(program.source));
    KDUMP_TRY(archive.add_file(program.image_path, 0755, std::move(content)));
  }
  KDUMP_TRY(archive.add_symlink("/usr/bin/makedumpfile", "makedump"));
  KDUMP_TRY_ASSIGN(const auto libraries, elf_closure({capture, makedump}));
  for (const ElfDependency& library : libraries) {
    KDUMP_TRY_ASSIGN(auto content, loadable_part(library.source));
    KDUMP_TRY(archive.add_file(library.image_path, 0755, std::move(content)));
    report.libraries.push_back(library.image_path);
  }
  return {};
}

// What is needed before devtmpfs is mounted, and where things get mounted.
Result<void> add_skeleton(CpioArchive& archive) {
  KDUMP_TRY(archive.add_character_device("/dev/console", 0600, 5, 1));
  KDUMP_TRY(archive.add_character_device("/dev/kmsg", 0600, 1, 11));
  KDUMP_TRY(archive.add_character_device("/dev/null", 0666, 1, 3));
  for (const char* directory : {"/proc", "/sys", "/run", "/tmp", kTargetMountPoint})
    KDUMP_TRY(archive.add_directory(directory));
  return {};
}

// Kernels before 5.9 cannot unpack zstd; what is not compressed every kernel takes.
bool can_unpack_zstd(const ImageOptions& options) {
  for (const std::string& place : {"boot/config-" + options.kernel_release,
                                   "lib/modules/" + options.kernel_release + "/config"}) {
    const auto config = read_text_file(below(options.modules_root, place));
    if (config) return config->find("\nCONFIG_RD_ZSTD=y") != std::string::npos;
  }
  return true;
}

}  // namespace

Result<ImageReport> build_image(const CapturePlan& plan, const ImageOptions& options) {
  ImageReport report;
  CpioArchive archive;

  // 1 Is this a plan that the image can carry out?
  KDUMP_TRY(check_plan(plan));

  // 2 What it takes: programs with their libraries, modules of the target.
  KDUMP_TRY(add_skeleton(archive));
  KDUMP_TRY(add_programs(archive, options, report));
  KDUMP_TRY_ASSIGN(const auto modules, collect_modules(plan, options));
  KDUMP_TRY(add_modules(archive, modules, options));
  for (const KernelModule& module : modules)
    report.modules.push_back(module.name);
  const std::string plan_text = encode(plan);
  const Bytes plan_bytes = as_bytes(plan_text);
  KDUMP_TRY(archive.add_file(kPlanPath, 0600, {plan_bytes.begin(), plan_bytes.end()}));

  // 3 One file of it, which appears whole or not at all.
  report.unpacked_bytes = archive.unpacked_bytes();
  std::vector<std::byte> image = archive.encode();
  if (can_unpack_zstd(options)) {
    KDUMP_TRY_ASSIGN(image, zstd_frame(image, kCompressionLevel));
  }
  KDUMP_TRY(publish_file(options.output, image, 0600));
  report.compressed_bytes = image.size();
  return report;
}

}  // namespace kdump
