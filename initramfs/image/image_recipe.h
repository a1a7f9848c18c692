// What a capture image is made of, before anything of it is read: the list that the builder packs
// and that freshness compares, so that both always mean the same image.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "initramfs/image/admin_programs.h"
#include "initramfs/image/image_record.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// A file that goes into the image as it is: what a target needs, such as a key.
struct ExtraFile {
  std::string source;
  std::string image_path;
  mode_t mode = 0600;
};

struct ImageOptions {
  std::string kernel_release;      // /lib/modules/<release>
  std::string modules_root = "/";  // where lib/modules is
  std::string programs_directory;  // holds kdump-capture
  std::vector<ExtraFile> extra_files;
  std::vector<AdminProgram> programs;      // with what they need
  std::vector<std::string> extra_modules;  // one that the kernel does not have is left out
};

struct ImageInput {
  enum class Kind { program, library, module, file } kind = Kind::file;
  std::string source;
  std::string image_path;
  mode_t mode = 0;
  std::string options;  // of a module
};

struct ImageRecipe {
  std::string kernel_release;
  std::vector<ImageInput> inputs;  // modules in the order in which they are loaded
  std::string plan;                // text of the capture plan
  bool zstd = true;                // else not compressed
};

// Those of `names` that the kernel of `options` has neither as a module nor built in. None if it
// cannot be told.
std::vector<std::string> unknown_modules(const std::vector<std::string>& names,
                                         const ImageOptions& options);

// Looks at programs, libraries, modules and sysfs of this host. Errors name what is missing or
// cannot be done.
Result<ImageRecipe> image_recipe(const CapturePlan& plan, const ImageOptions& options);

// Which of the programs beside each other goes into the image of this plan.
const char* capture_program(const CapturePlan& plan);

// The recipe with what its inputs are now: reads all of them.
Result<ImageRecord> record_of(const ImageRecipe& recipe);

}  // namespace kdump
