// Arming: from kdump.conf to a crash kernel that is loaded. arm.cpp is the contents page.
//
// Three steps, because the kernel frees the loaded crash image before it looks at a new one: what
// can be known beforehand is decided and checked by plan_arming(), the image is built by
// build_planned() if planned_freshness() says that it has to be, and only then load_planned()
// touches what is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/arm/arming_state.h"
#include "daemon/arm/kernel_image.h"
#include "daemon/host/host.h"
#include "initramfs/image/freshness.h"
#include "initramfs/plan/capture_plan.h"

namespace kdump {

struct ArmPlan {
  Settings settings;
  KernelImage kernel;
  CapturePlan capture;
  std::vector<AdminProgram> programs;  // hooks, extra_bins
  std::string command_line;
  std::string image;      // the capture image's file
  uint64_t reserved = 0;  // bytes
  std::vector<std::string> warnings;
};

// Reads everything, changes nothing.
Result<ArmPlan> plan_arming(const Host& host);

// What would go into the image now. Reads little of it.
Result<ImageRecipe> planned_recipe(const Host& host, const ArmPlan& plan);

// Whether the image that is there is the one that would be built now, and why not. With
// kdump.conf's force_no_rebuild any image is, unless it is damaged.
Result<Freshness> planned_freshness(const Host& host, const ArmPlan& plan);

// Builds the capture image that the plan needs and checks that it fits into the reserved memory.
// Returns its size.
Result<uint64_t> build_planned(const Host& host, const ArmPlan& plan);
// The check alone, of the image that is there.
Result<uint64_t> check_planned(const Host& host, const ArmPlan& plan);

// What load_planned() would give the kernel.
Result<Holding> planned_holding(const ArmPlan& plan);

enum class Loaded {
  new_image,
  // The kernel refused the new image. What is loaded now is the one that was there before (kept),
  // or the last one that it took (last_good), or nothing.
  kept,
  last_good,
  nothing,
};

struct LoadOutcome {
  Loaded loaded = Loaded::nothing;
  Holding holding;                    // of new_image and last_good
  std::vector<std::string> problems;  // none if the new image is loaded and remembered
};

LoadOutcome load_planned(const Host& host, const ArmPlan& plan);

// Loads once more what the kernel took last: its list of memory and CPUs is made when it is loaded.
LoadOutcome load_last_good(const Host& host);

// What RHEL's "reload" does: the image that is there, with the command line of now, and kdump.conf
// not read.
Result<ArmPlan> plan_reload(const Host& host);

}  // namespace kdump
