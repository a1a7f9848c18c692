#include "initramfs/image/dracut_recipe.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <unistd.h>

#include "config/words.h"
#include "initramfs/image/block_stack.h"
#include "initramfs/image/dracut_image.h"
#include "initramfs/image/image_choice.h"
#include "initramfs/image/module_file.h"
#include "initramfs/image/recipe_parts.h"
#include "initramfs/plan/block_device.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr char kDracutDirectory[] = "/usr/lib/dracut";
constexpr char kOurModule[] = "/usr/lib/dracut/modules.d/99kdumpd";

// What a kind of layer needs: dracut's module for it, the program that assembles it and whose
// package has it, and the host's files that have a say in how.
struct LayerNeeds {
  LayerKind kind;
  const char* dracut_module;
  const char* program;
  const char* package;  // Debian's name; RHEL's is near enough to be found
  std::vector<const char*> files;
  std::vector<const char*> plugins = {};  // folders with libraries that the program loads by name
};

const std::vector<LayerNeeds>& all_needs() {
  static const std::vector<const char*> lvm = {"/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf",
                                               "/etc/lvm/devices/system.devices"};
  static const std::vector<LayerNeeds> needs = {
      {LayerKind::lvm, "lvm", "lvm", "lvm2", lvm},
      {LayerKind::thin_lvm, "lvm", "thin_check", "thin-provisioning-tools", lvm},
      {LayerKind::luks, "crypt", "cryptsetup", "cryptsetup-bin", {"/etc/crypttab"}},
      {LayerKind::multipath,
       "multipath",
       "multipath",
       "multipath-tools",
       {"/etc/multipath.conf", "/etc/multipath/bindings", "/etc/multipath/wwids"},
       // dracut 059 looks for these elsewhere on Debian, and multipathd does not start without.
       {"/usr/lib/multipath", "/usr/lib64/multipath", "/lib/multipath", "/lib64/multipath"}},
      {LayerKind::md, "mdraid", "mdadm", "mdadm", {"/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"}},
      {LayerKind::device_mapper, "dm", "dmsetup", "dmsetup", {}},
  };
  return needs;
}

// Where it would be in the image, if it were.
constexpr char kDracutInput[] = "dracut";

void append(ImageInput& input, const std::string& word) {
  input.options += (input.options.empty() ? "" : " ") + quoted_word(word);
}

std::string find_program(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (std::string path = directory + name; ::access(path.c_str(), X_OK) == 0) return path;
  return "";
}

bool is_there(const std::string& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

void add_file(ImageRecipe& recipe, const std::string& path) {
  const bool known = std::ranges::any_of(
      recipe.inputs, [&](const ImageInput& input) { return input.image_path == path; });
  if (!known && is_there(path))
    recipe.inputs.push_back({ImageInput::Kind::file, path, path, 0, ""});
}

// In the order of their names, so that the recipe of the same host is the same.
void add_files_of(ImageRecipe& recipe, const std::string& directory) {
  std::set<std::string> paths;
  std::error_code failed;
  for (fs::directory_iterator it(directory, failed), end; !failed && it != end;
       it.increment(failed))
    paths.insert(it->path());
  for (const std::string& path : paths)
    add_file(recipe, path);
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

class Builder {
 public:
  Builder(const CapturePlan& plan, const ImageOptions& options) : plan_(plan), options_(options) {}

  Result<ImageRecipe> build() {
    recipe_.kernel_release = options_.kernel_release;
    recipe_.plan = encode(plan_);
    recipe_.zstd = can_unpack_zstd(options_);
    const std::string dracut = dracut_program();
    if (dracut.empty()) return choose_image(plan_, ImageKind::dracut, dracut).error();
    if (!is_there(std::string(kOurModule) + "/module-setup.sh"))
      return Error(Errc::not_found, std::string(kOurModule) +
                                        ": kdumpd's dracut module is not there: install kdumpd "
                                        "again");
    KDUMP_TRY(add_programs(recipe_, plan_, options_, kCapturePath));
    // dracut finds their libraries by itself.
    for (const ImageInput& input : recipe_.inputs)
      if (input.kind == ImageInput::Kind::program && input.image_path != kCapturePath)
        programs_.insert(input.source);
    for (const TargetPlan& target : plan_.targets)
      if (target.filesystem != "virtiofs" &&
          (target.kind == TargetKind::filesystem || target.kind == TargetKind::raw))
        KDUMP_TRY(add_stack(target));
    KDUMP_TRY(add_kernel_modules());
    for (const ExtraFile& file : options_.extra_files)
      recipe_.inputs.push_back(
          {ImageInput::Kind::file, file.source, file.image_path, file.mode, ""});
    write_arguments();
    add_deciding_files(dracut);
    return std::move(recipe_);
  }

 private:
  // What the target's device stands on, and what each of these layers needs.
  Result<void> add_stack(const TargetPlan& target) {
    BlockDeviceSearch search(target.device);
    KDUMP_TRY_ASSIGN(const std::string device, search.find());
    std::error_code failed;
    const fs::path real = fs::canonical(device, failed);
    KDUMP_TRY_ASSIGN(const BlockStack stack,
                     block_stack((failed ? fs::path(device) : real).filename()));
    // dracut brings what this device and all below it need, as it is on this host.
    devices_.insert(device);
    for (const BlockLayer& layer : stack.layers)
      for (const LayerNeeds& needs : all_needs())
        if (needs.kind == layer.kind) KDUMP_TRY(add_needs(target, needs));
    return {};
  }

  Result<void> add_needs(const TargetPlan& target, const LayerNeeds& needs) {
    const std::string program = find_program(needs.program);
    if (program.empty())
      return Error(Errc::not_found, target.name() + " is on " + std::string(name_of(needs.kind)) +
                                        ", and there is no " + needs.program +
                                        " to bring it back in the capture kernel: install it "
                                        "(Debian: apt install " +
                                        needs.package + ")");
    dracut_modules_.insert(needs.dracut_module);
    programs_.insert(program);
    for (const char* path : needs.files)
      add_file(recipe_, path);
    for (const char* folder : needs.plugins)
      add_libraries_of(folder);
    return {};
  }

  // By their one real path: /lib may be a link to /usr/lib.
  void add_libraries_of(const std::string& folder) {
    std::error_code failed;
    for (fs::directory_iterator it(fs::canonical(folder, failed), failed), end;
         !failed && it != end; it.increment(failed))
      if (it->path().extension() == ".so") programs_.insert(it->path());
  }

  Result<void> add_kernel_modules() {
    KDUMP_TRY_ASSIGN(const auto modules, modules_for(plan_, options_));
    for (const KernelModule& module : modules) {
      recipe_.inputs.push_back({ImageInput::Kind::module, module.path, unpacked_name(module.path),
                                0644, module.options});
      drivers_.insert(fs::path(unpacked_name(module.path)).stem().string());
    }
    return {};
  }

  // The modules of dracut's that are named, and those that they need: no more.
  void write_arguments() {
    words_ = {"--force", "--hostonly", "--hostonly-mode", "strict", "--hostonly-cmdline",
              "--no-hostonly-default-device", "--no-hostonly-i18n", "--no-early-microcode",
              // Packed by us, in a form that every kernel of this host takes.
              "--no-compress", "--nofscks", "--modules", "kdumpd " + joined(dracut_modules_)};
    if (!drivers_.empty()) add_argument("--add-drivers", joined(drivers_));
    // No device asks udev for these.
    if (!options_.extra_modules.empty())
      add_argument(kForceDrivers,
                   joined({options_.extra_modules.begin(), options_.extra_modules.end()}));
    for (const std::string& device : devices_)
      add_argument("--add-device", device);
    for (const std::string& program : programs_)
      add_argument("--install", program);
  }

  void add_argument(const std::string& name, const std::string& value) {
    words_.push_back(name);
    words_.push_back(value);
  }

  // Nobody can list what dracut reads. This is what changes on a host that lives: dracut itself,
  // its configuration, the module tree, and the programs that go into the image.
  void add_deciding_files(const std::string& dracut) {
    ImageInput input{ImageInput::Kind::program, dracut, kDracutInput, 0, ""};
    for (const std::string& word : words_)
      append(input, word);
    recipe_.inputs.push_back(std::move(input));
    add_file(recipe_, std::string(kDracutDirectory) + "/dracut-version.sh");
    add_file(recipe_, "/etc/dracut.conf");
    add_files_of(recipe_, "/etc/dracut.conf.d");
    add_files_of(recipe_, std::string(kDracutDirectory) + "/dracut.conf.d");
    add_files_of(recipe_, kOurModule);
    for (const std::string& program : programs_)
      add_file(recipe_, program);
    add_file(recipe_, "/usr/lib/systemd/systemd");
    add_file(recipe_, (options_.modules_root == "/" ? "" : options_.modules_root) +
                          "/lib/modules/" + options_.kernel_release + "/modules.dep");
  }

  const CapturePlan& plan_;
  const ImageOptions& options_;
  ImageRecipe recipe_;
  std::vector<std::string> words_;
  std::set<std::string> devices_, dracut_modules_, programs_, drivers_;
};

}  // namespace

std::vector<std::string> dracut_command(const ImageRecipe& recipe) {
  for (const ImageInput& input : recipe.inputs) {
    if (input.image_path != kDracutInput) continue;
    std::vector<std::string> command = {input.source};
    for (std::string& word : split_quoted_words(input.options).value_or(command))
      command.push_back(std::move(word));
    return command;
  }
  return {};
}

void add_dracut_words(ImageRecipe& recipe, const std::vector<std::string>& words) {
  for (ImageInput& input : recipe.inputs)
    if (input.image_path == kDracutInput)
      for (const std::string& word : words)
        append(input, word);
}

Result<ImageRecipe> dracut_recipe(const CapturePlan& plan, const ImageOptions& options) {
  return Builder(plan, options).build();
}

}  // namespace kdump
