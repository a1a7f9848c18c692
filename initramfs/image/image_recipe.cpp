#include "initramfs/image/image_recipe.h"

#include <algorithm>
#include <filesystem>
#include <sys/utsname.h>

#include "initramfs/image/block_stack.h"
#include "initramfs/image/device_modules.h"
#include "initramfs/image/digest.h"
#include "initramfs/image/dracut_recipe.h"
#include "initramfs/image/elf_closure.h"
#include "initramfs/image/module_file.h"
#include "initramfs/image/modules.h"
#include "initramfs/image/network_disks.h"
#include "initramfs/image/recipe_parts.h"
#include "initramfs/plan/block_device.h"
#include "initramfs/plan/image_paths.h"
#include "initramfs/plan/mount_options.h"
#include "initramfs/plan/nfs_options.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

// Counted up when the builder makes another image of the same inputs.
constexpr char kImageBuilder[] = "kdumpd " KDUMP_VERSION ", layout 2";

std::string below(const std::string& directory, const std::string& name) {
  return (directory == "/" ? "" : directory) + "/" + name;
}

Result<void> check_plan(const CapturePlan& plan) {
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
Result<void> add_filesystem_modules(ModuleResolver& resolver, const TargetPlan& target) {
  KDUMP_TRY_ASSIGN(const auto match, resolver.add("fs-" + target.filesystem));
  if (match == ModuleResolver::Match::none) {
    // minix and a few others have no alias in old kernels, but the module has the name.
    KDUMP_TRY_ASSIGN(const auto by_name, resolver.add(target.filesystem));
    if (by_name == ModuleResolver::Match::none)
      return Error(Errc::not_found, "kernel has no module for file system " + target.filesystem);
  }
  std::vector<std::string> wanted;
  // Character sets: those it is mounted with, and the defaults.
  if (target.filesystem == "vfat") wanted = {"nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8"};
  if (const auto charset = mount_option_value(target.mount_options, "iocharset"))
    wanted.push_back("nls_" + *charset);
  if (const auto codepage = mount_option_value(target.mount_options, "codepage"))
    wanted.push_back("nls_cp" + *codepage);
  for (const std::string& name : wanted)
    KDUMP_TRY(resolver.add(name));
  return {};
}

Error not_in_kernel(const std::string& device, const std::string& driver,
                    const std::string& release) {
  return {Errc::not_found,
          device + " is driven by " + driver + ", which kernel " + release + " does not have"};
}

Result<void> add_drivers(ModuleResolver& resolver, const DeviceDrivers& drivers,
                         const std::string& device, const ImageOptions& options) {
  for (const std::string& name : drivers.modules) {
    KDUMP_TRY_ASSIGN(const auto match, resolver.add(name));
    if (match == ModuleResolver::Match::none)
      return not_in_kernel(device, name, options.kernel_release);
  }
  // Built into the running kernel; elsewhere it may be a module.
  if (!is_running(options.kernel_release))
    for (const std::string& alias : drivers.aliases)
      KDUMP_TRY(resolver.add(alias));
  return {};
}

Result<void> add_device_modules(ModuleResolver& resolver, const TargetPlan& target, ImageKind kind,
                                const ImageOptions& options) {
  KDUMP_TRY_ASSIGN(const std::string device, kernel_name_of_target(target.device));
  // What stands on them, userspace assembles: in an image that dracut builds.
  if (kind != ImageKind::dracut) KDUMP_TRY(check_plain_device(device));
  KDUMP_TRY_ASSIGN(const BlockStack stack, block_stack(device));
  for (const std::string& disk : stack.disks) {
    KDUMP_TRY_ASSIGN(const DeviceDrivers drivers, find_device_drivers(disk));
    KDUMP_TRY(add_drivers(resolver, drivers, device_path(disk), options));
  }
  return {};
}

// Which of the devices has the tag, kernels before 6.9 do not say.
Result<void> add_virtiofs_modules(ModuleResolver& resolver, const ImageOptions& options) {
  constexpr char kDevices[] = "bus/virtio/drivers/virtiofs";
  std::error_code failed;
  for (std::filesystem::directory_iterator it(std::string("/sys/") + kDevices, failed), end;
       !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename();
    if (!name.starts_with("virtio")) continue;
    KDUMP_TRY_ASSIGN(const DeviceDrivers drivers,
                     find_drivers_at(std::string(kDevices) + "/" + name));
    KDUMP_TRY(add_drivers(resolver, drivers, name, options));
  }
  return {};
}

// The kernel asks for a version's module by name only when it mounts.
Result<void> add_nfs_modules(ModuleResolver& resolver, const TargetPlan& target) {
  for (const std::string& version : nfs_versions(target.mount_options)) {
    const std::string module = "nfsv" + version.substr(0, 1);
    KDUMP_TRY_ASSIGN(const auto match, resolver.add(module));
    if (match == ModuleResolver::Match::none)
      return Error(Errc::not_found, "kernel has no module " + module + " for " + target.name());
  }
  return {};
}

// "" for a NIC, whose driver is found by its device.
std::string module_of(const InterfacePlan& interface) {
  if (!interface.parent.empty()) return "8021q";
  return interface.kind == "bond" ? "bonding" : interface.kind;
}

Result<void> add_network_modules(ModuleResolver& resolver, const NetworkPlan& network,
                                 const ImageOptions& options) {
  for (const InterfacePlan& interface : network.interfaces) {
    if (const std::string module = module_of(interface); !module.empty()) {
      KDUMP_TRY_ASSIGN(const auto match, resolver.add(module));
      if (match == ModuleResolver::Match::none)
        return Error(Errc::not_found, "kernel " + options.kernel_release + " has no module " +
                                          module + " for interface " + interface.name);
      continue;
    }
    KDUMP_TRY_ASSIGN(const DeviceDrivers drivers, find_class_drivers("net/" + interface.name));
    KDUMP_TRY(add_drivers(resolver, drivers, interface.name, options));
  }
  if (!network.empty()) KDUMP_TRY(resolver.add("ipv6"));
  return {};
}

// No device is bound to these, so that sysfs does not lead to them.
Result<void> add_network_disk_modules(ModuleResolver& resolver, const CapturePlan& plan,
                                      const ImageOptions& options) {
  for (const TargetPlan& target : plan.targets)
    for (const NetworkDisk& disk : target.network_disks) {
      const std::string module = disk.kind == NetworkDisk::Kind::iscsi ? "iscsi_tcp" : "nvme_tcp";
      KDUMP_TRY_ASSIGN(const auto match, resolver.add(module));
      if (match == ModuleResolver::Match::none)
        return not_in_kernel(disk.describe(), module, options.kernel_release);
      // Asked for only when they connect, and built into most kernels.
      std::vector<std::string> ciphers = {"crypto-crc32c"};
      if (disk.kind == NetworkDisk::Kind::nvme_tcp && !disk.secret.empty())
        ciphers.insert(ciphers.end(), {"crypto-hmac", "crypto-sha256", "crypto-sha384",
                                       "crypto-sha512", "crypto-dh"});
      for (const std::string& name : ciphers)
        KDUMP_TRY(resolver.add(name));
    }
  return {};
}

// Many drivers (i6300esb among them) do not tell sysfs on which device their
// watchdog is. Those that are loaded are few, and small.
void add_loaded_watchdog_drivers(ModuleResolver& resolver, const ImageOptions& options) {
  std::error_code failed;
  const std::string drivers = below(
      options.modules_root, "lib/modules/" + options.kernel_release + "/kernel/drivers/watchdog");
  for (std::filesystem::directory_iterator it(drivers, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::string name = it->path().filename();
    name.erase(std::min(name.find(".ko"), name.size()));
    std::replace(name.begin(), name.end(), '-', '_');
    std::error_code ignored;
    if (std::filesystem::exists("/sys/module/" + name, ignored)) (void)resolver.add(name);
  }
}

// The host's watchdog may be running when it crashes, and goes on: somebody has to feed it. Its
// driver is a help, not a condition.
void add_watchdog_modules(ModuleResolver& resolver, const ImageOptions& options) {
  std::error_code failed;
  for (std::filesystem::directory_iterator it("/sys/class/watchdog", failed), end;
       !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename();
    const auto drivers = find_class_drivers("watchdog/" + name);
    if (drivers && !(drivers->modules.empty() && drivers->aliases.empty()))
      (void)add_drivers(resolver, *drivers, name, options);
    else
      add_loaded_watchdog_drivers(resolver, options);
  }
}

// Where nothing could be saved, the firmware's memory may still take the end of the log. Nothing
// asks for this driver by itself; ERST's is part of the kernel.
void add_pstore_module(ModuleResolver& resolver) {
  std::error_code failed;
  if (std::filesystem::exists("/sys/firmware/efi", failed)) (void)resolver.add("efi_pstore");
}

}  // namespace

Result<std::vector<KernelModule>> modules_for(const CapturePlan& plan,
                                              const ImageOptions& options) {
  KDUMP_TRY_ASSIGN(ModuleResolver resolver,
                   ModuleResolver::open(options.kernel_release, options.modules_root));
  for (const TargetPlan& target : plan.targets) {
    if (target.filesystem == "virtiofs")
      KDUMP_TRY(add_virtiofs_modules(resolver, options));
    else if (target.kind == TargetKind::filesystem || target.kind == TargetKind::raw)
      KDUMP_TRY(add_device_modules(resolver, target, plan.image, options));
    if (target.kind == TargetKind::filesystem || target.kind == TargetKind::nfs)
      KDUMP_TRY(add_filesystem_modules(resolver, target));
    if (target.kind == TargetKind::nfs) KDUMP_TRY(add_nfs_modules(resolver, target));
  }
  KDUMP_TRY(add_network_disk_modules(resolver, plan, options));
  KDUMP_TRY(add_network_modules(resolver, plan.network, options));
  add_watchdog_modules(resolver, options);
  add_pstore_module(resolver);
  // One that this kernel does not have was warned about.
  for (const std::string& name : options.extra_modules)
    KDUMP_TRY(resolver.add(name));
  return resolver.modules();
}

bool can_unpack_zstd(const ImageOptions& options) {
  for (const std::string& place : {"boot/config-" + options.kernel_release,
                                   "lib/modules/" + options.kernel_release + "/config"}) {
    const auto config = read_text_file(below(options.modules_root, place));
    if (config) return config->find("\nCONFIG_RD_ZSTD=y") != std::string::npos;
  }
  return true;
}

namespace {

std::string_view kind_name(ImageInput::Kind kind) {
  switch (kind) {
    case ImageInput::Kind::program:
      return "program";
    case ImageInput::Kind::library:
      return "library";
    case ImageInput::Kind::module:
      return "module";
    case ImageInput::Kind::file:
      return "file";
  }
  return "";
}

// Which of the admin's programs lacks a library.
Error named(Error error, const std::vector<std::string>& programs) {
  for (const std::string& program : programs)
    if (const auto closure = elf_closure({program}); !closure)
      return Error(closure.error()).context(program);
  return error;
}

Result<void> add_iscsistart(std::vector<AdminProgram>& programs, const CapturePlan& plan) {
  for (const TargetPlan& target : plan.targets)
    for (const NetworkDisk& disk : target.network_disks) {
      if (disk.kind != NetworkDisk::Kind::iscsi) continue;
      const std::string program = find_iscsistart();
      if (program.empty())
        return Error(Errc::not_found, target.name() + " is on " + disk.describe() +
                                          ", and there is no iscsistart to log in with in the "
                                          "capture kernel: install open-iscsi (RHEL: "
                                          "iscsi-initiator-utils)");
      programs.push_back({program, kIscsistartPath, target.name()});
      return {};
    }
  return {};
}

}  // namespace

Result<void> add_programs(ImageRecipe& recipe, const CapturePlan& plan, const ImageOptions& options,
                          const std::string& capture_path) {
  const std::string capture = below(options.programs_directory, capture_program(plan));
  recipe.inputs.push_back({ImageInput::Kind::program, capture, capture_path, 0755, ""});
  std::vector<std::string> programs = {capture};
  std::vector<AdminProgram> asked_for = options.programs;
  KDUMP_TRY(add_iscsistart(asked_for, plan));
  KDUMP_TRY_ASSIGN(const auto files,
                   admin_files(asked_for, plan.failure_action == FailureAction::shell));
  for (const AdminFile& file : files) {
    const auto kind = file.script ? ImageInput::Kind::file : ImageInput::Kind::program;
    recipe.inputs.push_back({kind, file.source, file.image_path, 0755, ""});
    if (!file.script) programs.push_back(file.source);
  }
  const auto libraries = elf_closure(programs);
  if (!libraries) return named(libraries.error(), programs);
  for (const ElfDependency& library : *libraries)
    recipe.inputs.push_back(
        {ImageInput::Kind::library, library.source, library.image_path, 0755, ""});
  return {};
}

namespace {

// Where the kernel looks for a file that a driver asks for, in its order; "" for what is not here:
// drivers name files for all hardware they know.
std::string find_firmware(const std::string& name, const ImageOptions& options) {
  if (name.empty() || ("/" + name + "/").find("/../") != std::string::npos) return "";
  const std::string& release = options.kernel_release;
  for (const std::string& folder :
       {"updates/" + release + "/", std::string("updates/"), release + "/", std::string()})
    for (const char* ending : {"", ".zst", ".xz"}) {
      std::string path = below(options.modules_root, "lib/firmware/" + folder + name + ending);
      std::error_code failed;
      if (std::filesystem::is_regular_file(path, failed)) return path;
    }
  return "";
}

Result<void> add_modules(ImageRecipe& recipe, const CapturePlan& plan,
                         const ImageOptions& options) {
  KDUMP_TRY_ASSIGN(const auto modules, modules_for(plan, options));
  const std::string root = options.modules_root == "/" ? "" : options.modules_root;
  for (const KernelModule& module : modules) {
    std::string path = unpacked_name(module.path);
    if (path.starts_with(root)) path.erase(0, root.size());
    recipe.inputs.push_back(
        {ImageInput::Kind::module, module.path, std::move(path), 0644, module.options});
    for (const std::string& name : module.firmware) {
      const std::string file = find_firmware(name, options);
      if (file.empty()) continue;
      const std::string in_image = file.substr(root.size());
      const auto same = [&](const ImageInput& input) { return input.image_path == in_image; };
      if (std::none_of(recipe.inputs.begin(), recipe.inputs.end(), same))
        recipe.inputs.push_back({ImageInput::Kind::file, file, in_image, 0644, ""});
    }
  }
  return {};
}

}  // namespace

// The one with libssh brings libcrypto along: only where it is needed.
const char* capture_program(const CapturePlan& plan) {
  const bool needs_ssh =
      std::any_of(plan.targets.begin(), plan.targets.end(), [](const auto& target) {
        return target.kind == TargetKind::ssh || target.kind == TargetKind::sftp;
      });
  return needs_ssh ? "kdump-capture-ssh" : "kdump-capture";
}

std::vector<std::string> unknown_modules(const std::vector<std::string>& names,
                                         const ImageOptions& options) {
  std::vector<std::string> unknown;
  if (names.empty()) return unknown;
  auto resolver = ModuleResolver::open(options.kernel_release, options.modules_root);
  if (!resolver) return unknown;
  for (const std::string& name : names)
    if (const auto match = resolver->add(name); !match || *match == ModuleResolver::Match::none)
      unknown.push_back(name);
  return unknown;
}

Result<ImageRecipe> image_recipe(const CapturePlan& plan, const ImageOptions& options) {
  KDUMP_TRY(check_plan(plan));
  if (plan.image == ImageKind::dracut) return dracut_recipe(plan, options);
  ImageRecipe recipe;
  recipe.kernel_release = options.kernel_release;
  recipe.plan = encode(plan);
  recipe.zstd = can_unpack_zstd(options);
  KDUMP_TRY(add_programs(recipe, plan, options, "/init"));
  KDUMP_TRY(add_modules(recipe, plan, options));
  for (const ExtraFile& file : options.extra_files)
    recipe.inputs.push_back({ImageInput::Kind::file, file.source, file.image_path, file.mode, ""});
  return recipe;
}

Result<ImageRecord> record_of(const ImageRecipe& recipe) {
  ImageRecord record;
  record.builder = kImageBuilder;
  record.kernel_release = recipe.kernel_release;
  record.packing = recipe.zstd ? "zstd" : "none";
  record.plan = recipe.plan;
  for (const ImageInput& input : recipe.inputs) {
    KDUMP_TRY_ASSIGN(FileDigest content, file_digest(input.source));
    record.files.push_back({std::string(kind_name(input.kind)), input.source, input.image_path,
                            input.options, input.mode, std::move(content.digest)});
  }
  return record;
}

}  // namespace kdump
