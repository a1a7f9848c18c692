// The machine that is armed: its paths, its kernel, and the things that are done to it rather
// than read from it. Host::real() is this machine; tests make their own.
#pragma once

#include <functional>
#include <string>

#include "daemon/arm/kexec.h"
#include "daemon/host/host_paths.h"
#include "initramfs/image/image_builder.h"
#include "makedump/base/result.h"

namespace kdump {

struct Host {
  HostPaths paths;
  std::string release;  // as uname(2) has them
  std::string machine;
  std::string programs_directory;  // holds kdump-capture
  bool only_looks = false;         // nothing may be written

  std::function<Result<CapturePlan>(const Settings&)> resolve_target;
  std::function<Result<ImageRecipe>(const CapturePlan&, const ImageOptions&)> image_recipe;
  std::function<Result<ImageReport>(const ImageRecipe&, const std::string& output)> build_image;
  KexecFileLoad kexec_file_load;

  // With a `root`, everything is read below it, and nothing can be built or loaded.
  static Result<Host> real(const std::string& root = "");
};

}  // namespace kdump
