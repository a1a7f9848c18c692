// Which image carries kdump-capture: our own, or one that dracut builds, with the userspace that
// some targets need to come into being.
#pragma once

#include <functional>
#include <string>

#include "config/settings.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// "LVM", "LUKS" …: what the target's device is on this host; "" for plain ones.
std::string assembly_of(const TargetPlan& target);

// "/dev/mapper/vg-crash is on LVM": why the native image is not enough; "" if it is.
using AssemblyOf = std::function<std::string(const TargetPlan&)>;
std::string why_dracut(const CapturePlan& plan, const AssemblyOf& assembly = assembly_of);

// Path of dracut on this host; "" if it is not installed.
std::string dracut_program();

// Which image `asked` (policy.yaml: image) comes to for this plan, whose targets are known. The
// error says what to install, or what cannot be had. `dracut`: as dracut_program() says.
Result<ImageKind> choose_image(const CapturePlan& plan, ImageKind asked, const std::string& dracut,
                               const AssemblyOf& assembly = assembly_of);

}  // namespace kdump
