#include "daemon/host/host.h"

#include <filesystem>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/host/program.h"
#include "initramfs/image/dracut_image.h"
#include "initramfs/image/dracut_recipe.h"

namespace kdump {

namespace {

bool holds_programs(const std::string& directory) {
  return ::access((directory + "/kdump-capture").c_str(), X_OK) == 0;
}

// The programs of the capture image: beside this one (a build tree, and kdumpd), else where they
// are installed, also when all of it was installed below another prefix than the one it was built
// for.
std::string find_programs() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  const std::string here = self.string();
  const std::string beside = (self / ".." / KDUMP_LIBEXEC_RELATIVE / "kdumpd").lexically_normal();
  for (const std::string& directory : {here, beside})
    if (holds_programs(directory)) return directory;
  return KDUMP_LIBEXEC_DIRECTORY;  // the builder's error names what is missing in it
}

}  // namespace

Result<Host> Host::real(const std::string& root) {
  utsname names{};
  if (::uname(&names) != 0) return Error::from_errno("uname");
  Host host;
  host.paths.root = root;
  host.release = names.release;
  host.machine = names.machine;
  host.programs_directory = find_programs();
  host.only_looks = !root.empty();
  host.resolve_target = &kdump::resolve_target;
  host.image_recipe = &kdump::image_recipe;
  host.build_image = [paths = host.paths](const ImageRecipe& recipe,
                                          const std::string& output) -> Result<ImageReport> {
    if (dracut_command(recipe).empty()) return kdump::build_image(recipe, output);
    return build_dracut_image(
        recipe, output,
        [&paths](const auto& argv, const auto& environment, auto limit) -> Result<DracutRun> {
          KDUMP_TRY_ASSIGN(ProgramOutput done, run_program(paths, argv, limit, environment));
          return DracutRun{done.status, done.out + done.error};
        });
  };
  host.kexec_file_load = &kernel_kexec_file_load;
  if (host.only_looks) {
    host.resolve_target = [](const Settings&) -> Result<CapturePlan> {
      return Error(Errc::usage, "--root only looks: nothing is armed below another root");
    };
    host.kexec_file_load = [](int, int, const std::string&, unsigned long) { return EPERM; };
  }
  return host;
}

}  // namespace kdump
