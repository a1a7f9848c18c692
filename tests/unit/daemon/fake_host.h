// A host in a directory of its own: the files that arming reads, a kernel that takes or refuses
// images, a builder that writes what it was told to build.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/host/host.h"
#include "initramfs/image/image_record.h"
#include "makedump/base/bytes.h"

namespace kdump {

inline const std::string kRelease = "6.1.0-56-amd64";

// The parts of a bzImage's head that are looked at.
inline std::string fake_bzimage(const std::string& release = kRelease) {
  std::string head(0x1000, '\0');
  const auto at = [&](size_t offset) { return reinterpret_cast<std::byte*>(head.data() + offset); };
  head.replace(0x202, 4, "HdrS");
  store<uint16_t>(at(0x206), 0x20f);
  store<uint16_t>(at(0x20e), 0x800 - 0x200);
  store<uint16_t>(at(0x236), 0x7f);
  store<uint32_t>(at(0x238), 2047);
  store<uint32_t>(at(0x260), 46u << 20);
  const std::string version = release + " (builder@host) #1 SMP";
  head.replace(0x800, version.size(), version);
  return head;
}

class FakeHost {
 public:
  FakeHost() {
    char name[] = "/tmp/kdump-fake-host-XXXXXX";
    root_ = ::mkdtemp(name);
    write("/etc/kdump.conf", "path /var/crash\n");
    write("/proc/cmdline", "root=/dev/vda ro quiet console=ttyS0 crashkernel=192M\n");
    write("/proc/cpuinfo",
          "processor\t: 0\napicid\t\t: 2\ninitial apicid\t: 2\n\nprocessor\t: 1\n");
    write("/proc/iomem",
          "00100000-7fffffff : System RAM\n"
          "  2a000000-35ffffff : Crash kernel\n");
    write("/proc/sys/kernel/kexec_load_disabled", "0\n");
    write("/sys/kernel/kexec_crash_size", "201326592\n");
    write("/sys/kernel/kexec_crash_loaded", "0\n");
    write("/boot/vmlinuz-" + kRelease, fake_bzimage());
    make_directory("/var/lib");
    make_directory("/run");

    host.paths.root = root_;
    host.release = kRelease;
    host.machine = "x86_64";
    host.resolve_target = [](const Settings& settings) -> Result<CapturePlan> {
      CapturePlan plan;
      TargetPlan& target = plan.targets.emplace_back();
      target.device =
          settings.targets.front().device.empty() ? "UUID=root" : settings.targets.front().device;
      target.filesystem = "ext4";
      target.directory = settings.path;
      plan.core_collector = settings.core_collector;
      plan.core_collector.front() = kMakedumpPath;
      return plan;
    };
    write("/usr/libexec/kdumpd/kdump-capture", "capture");
    write("/lib/modules/" + kRelease + "/kernel/ext4.ko", "ext4");
    // Inputs of its own, packed, recorded and compared as any others.
    host.image_recipe = [this](const CapturePlan& plan,
                               const ImageOptions& options) -> Result<ImageRecipe> {
      ImageRecipe recipe;
      recipe.kernel_release = options.kernel_release;
      recipe.plan = encode(plan);
      recipe.inputs = {
          {ImageInput::Kind::program, root_ + "/usr/libexec/kdumpd/kdump-capture", "/init", 0755,
           ""},
          {ImageInput::Kind::module, root_ + "/lib/modules/" + kRelease + "/kernel/ext4.ko",
           "/lib/ext4.ko", 0644, module_options}};
      return recipe;
    };
    host.build_image = [this](const ImageRecipe& recipe,
                              const std::string& output) -> Result<ImageReport> {
      ++builds;
      if (build_fails) return Error(Errc::not_found, "kdump-capture is missing");
      return build_image(recipe, output);
    };
    host.kexec_file_load = [this](int kernel, int initrd, const std::string& command_line,
                                  unsigned long flags) {
      return system_call(kernel, initrd, command_line, flags);
    };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  void write(const std::string& path, const std::string& text) const {
    make_directory(std::filesystem::path(path).parent_path());
    std::ofstream(root_ + path, std::ios::binary | std::ios::trunc) << text;
  }
  void make_directory(const std::string& path) const {
    std::filesystem::create_directories(root_ + path);
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ + path); }
  [[nodiscard]] std::string read(const std::string& path) const {
    std::ifstream file(root_ + path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Where dumps go by the plan in an image; "" if there is no whole image of ours.
  [[nodiscard]] std::string directory_in(const std::string& image) const {
    const auto verified = verify_image(root_ + image);
    if (!verified || !verified->record) return "";
    const auto plan = decode_capture_plan(verified->record->plan, image);
    return plan ? plan->targets.front().directory : "";
  }
  [[nodiscard]] const std::string& root() const { return root_; }

  // What the kernel holds: "" for nothing, else the image's name, the command line and the kernel
  // file's content.
  std::string loaded_image, loaded_command_line, loaded_kernel;
  // What it answers to the next loads; 0 takes the image. No more entries: takes it.
  std::vector<int> answers;
  // Errors that come before the old image is freed.
  bool refuses_early = false;

  int builds = 0;
  int loads = 0;
  bool build_fails = false;
  std::string module_options;

  Host host;

 private:
  static std::string text_of(int fd) {
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).filename();
  }

  static std::string content_of(int fd) {
    std::ifstream file("/proc/self/fd/" + std::to_string(fd), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  int system_call(int kernel, int initrd, const std::string& command_line, unsigned long flags) {
    if ((flags & 2) == 0) return EINVAL;  // not a crash image
    if ((flags & 1) != 0) {
      set_loaded("", "");
      return 0;
    }
    ++loads;
    int answer = 0;
    if (!answers.empty()) {
      answer = answers.front();
      answers.erase(answers.begin());
    }
    if (answer == 0) {
      set_loaded(text_of(initrd), command_line);
      loaded_kernel = content_of(kernel);
    } else if (!refuses_early)
      set_loaded("", "");  // freed before the new one is looked at
    return answer;
  }

  void set_loaded(const std::string& image, const std::string& command_line) {
    loaded_image = image;
    loaded_command_line = command_line;
    write("/sys/kernel/kexec_crash_loaded", image.empty() ? "0\n" : "1\n");
  }

  std::string root_;
};

}  // namespace kdump
