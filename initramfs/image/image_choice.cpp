#include "initramfs/image/image_choice.h"

#include <unistd.h>

#include "initramfs/image/block_stack.h"
#include "initramfs/plan/block_device.h"

namespace kdump {

std::string assembly_of(const TargetPlan& target) {
  const bool is_local = target.kind == TargetKind::filesystem || target.kind == TargetKind::raw;
  // Plain devices are named by what is on them, or by their hardware.
  if (!is_local || !target.device.starts_with("/dev/")) return "";
  const auto name = kernel_name_of(target.device);
  if (!name) return "";
  const auto stack = block_stack(*name);
  return stack && !stack->is_plain() ? std::string(name_of(stack->layers.front().kind)) : "";
}

std::string why_dracut(const CapturePlan& plan, const AssemblyOf& assembly) {
  for (const TargetPlan& target : plan.targets)
    if (const std::string what = assembly(target); !what.empty())
      return target.name() + " is on " + what;
  return "";
}

std::string dracut_program() {
  for (const char* path : {"/usr/bin/dracut", "/usr/sbin/dracut", "/sbin/dracut"})
    if (::access(path, X_OK) == 0) return path;
  return "";
}

Result<ImageKind> choose_image(const CapturePlan& plan, ImageKind asked, const std::string& dracut,
                               const AssemblyOf& assembly) {
  const std::string why = why_dracut(plan, assembly);
  if (asked == ImageKind::native && !why.empty())
    return Error(Errc::unsupported,
                 why +
                     ": the native capture image cannot assemble that: write image: auto in "
                     "policy.yaml, or name a plain disk in kdump.conf, such as ext4 UUID=…");
  const bool wanted = asked == ImageKind::dracut || !why.empty();
  if (!wanted) return ImageKind::native;
  if (dracut.empty())
    return Error(
        Errc::unsupported,
        (why.empty() ? "image: dracut" : why) +
            ": that takes a capture image that dracut builds, and dracut is not "
            "installed: install it (Debian: apt install dracut-core; RHEL, Fedora: dnf "
            "install dracut)" +
            (why.empty() ? "" : ", or name a plain disk in kdump.conf, such as ext4 UUID=…"));
  return ImageKind::dracut;
}

}  // namespace kdump
