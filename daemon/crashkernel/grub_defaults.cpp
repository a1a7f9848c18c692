// GRUB whose grub.cfg is made from /etc/default/grub and, on Debian, the drop-ins beside it.
#include <algorithm>
#include <filesystem>
#include <unistd.h>

#include "daemon/crashkernel/bootloader.h"
#include "daemon/crashkernel/edit_file.h"
#include "daemon/crashkernel/grub_config.h"
#include "daemon/host/program.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

// os-prober looks at every disk.
constexpr std::chrono::minutes kMakeLimit{10};
constexpr std::string_view kForAll = "GRUB_CMDLINE_LINUX";             // recovery entries, too
constexpr std::string_view kForNormal = "GRUB_CMDLINE_LINUX_DEFAULT";  // all others
constexpr char kOwnDropIn[] = "/kdumpd.cfg";

struct DefaultsFile {
  std::string path, text;
  bool changed = false;
};

class GrubDefaults final : public Bootloader {
 public:
  GrubDefaults(HostPaths paths, std::string grub_cfg)
      : paths_(std::move(paths)), grub_cfg_(std::move(grub_cfg)) {}

  [[nodiscard]] std::string name() const override { return "GRUB by " + paths_.grub_defaults(); }
  [[nodiscard]] bool one_for_all() const override { return true; }

  [[nodiscard]] Result<std::vector<BootEntry>> entries() const override {
    KDUMP_TRY_ASSIGN(const std::string text, read_text_file(grub_cfg_, size_t{16} << 20));
    auto found = parse_grub_cfg(paths_, text, grub_cfg_);
    if (found.empty())
      return Error(Errc::unsupported, grub_cfg_ + ": no entry that boots Linux was found in it");
    return found;
  }

  Result<void> change(const std::vector<BootEntry>& /*which*/,
                      const std::vector<ParameterEdit>& edits, bool /*future_too*/) override {
    KDUMP_TRY_ASSIGN(const std::vector<DefaultsFile> before, read_files());
    std::vector<DefaultsFile> files = before;
    for (const ParameterEdit& edit : edits)
      KDUMP_TRY(apply(files, edit));
    for (const DefaultsFile& file : files)
      if (file.changed) KDUMP_TRY(replace_text_file(file.path, file.text));
    auto made = make_grub_cfg();
    if (!made) put_back(before, files);
    return made;
  }

  [[nodiscard]] std::vector<std::string> what_changes() const override {
    return {paths_.grub_defaults(), grub_cfg_};
  }

 private:
  // In the order in which grub-mkconfig reads them.
  [[nodiscard]] Result<std::vector<DefaultsFile>> read_files() const {
    std::vector<std::string> drop_ins;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(paths_.grub_drop_ins(), failed))
      if (entry.path().extension() == ".cfg") drop_ins.push_back(entry.path().string());
    std::sort(drop_ins.begin(), drop_ins.end());
    std::vector<DefaultsFile> files(1);
    files[0].path = paths_.grub_defaults();
    KDUMP_TRY_ASSIGN(files[0].text, read_text_file(files[0].path));
    for (const std::string& path : drop_ins) {
      KDUMP_TRY_ASSIGN(std::string text, read_text_file(path));
      files.push_back({path, std::move(text)});
    }
    return files;
  }

  [[nodiscard]] Result<void> apply(std::vector<DefaultsFile>& files,
                                   const ParameterEdit& edit) const {
    bool placed = false;
    for (DefaultsFile& file : files) {
      // Backwards: an edit moves what comes after it.
      auto assignments = find_assignments(file.text, {kForAll, kForNormal});
      std::reverse(assignments.begin(), assignments.end());
      for (const ShellAssignment& assignment : assignments) {
        const std::string value =
            file.text.substr(assignment.begin, assignment.end - assignment.begin);
        const bool there = last_parameter(value, edit.name).has_value();
        if (!assignment.editable) {
          if (file.text.find(edit.name + "=") != std::string::npos)
            return Error(Errc::unsupported, file.path + ":" + std::to_string(assignment.line) +
                                                ": " + assignment.name +
                                                " is put together in a way that kdumpctl does not "
                                                "edit: change " +
                                                edit.name + "= there by hand");
          continue;
        }
        if (!there) continue;
        file.text = replace_value(file.text, assignment, edit_parameters(value, {edit}));
        file.changed = true;
        placed = true;
      }
    }
    if (!placed && edit.value) return add(files, edit);
    return {};
  }

  // A file of our own where grub-mkconfig reads such files: the admin's stays as it is, and no
  // later drop-in that sets the whole variable (cloud images have one) takes it back.
  [[nodiscard]] Result<void> add(std::vector<DefaultsFile>& files,
                                 const ParameterEdit& edit) const {
    const std::string parameter = edit.name + "=" + *edit.value;
    std::error_code failed;
    if (std::filesystem::is_directory(paths_.grub_drop_ins(), failed)) {
      const std::string path = paths_.grub_drop_ins() + kOwnDropIn;
      auto file = std::find_if(files.begin(), files.end(),
                               [&](const DefaultsFile& known) { return known.path == path; });
      if (file == files.end()) {
        files.push_back(
            {path, "# By 'kdumpctl reset-crashkernel': memory for the crash kernel.\n"});
        file = files.end() - 1;
      }
      file->text.append(kForNormal).append("=\"$").append(kForNormal);
      file->text += " " + parameter + "\"\n";
      file->changed = true;
      return {};
    }
    DefaultsFile& file = files.front();
    auto assignments = find_assignments(file.text, {kForNormal});
    if (assignments.empty()) assignments = find_assignments(file.text, {kForAll});
    file.changed = true;
    if (assignments.empty()) {
      if (!file.text.empty() && !file.text.ends_with('\n')) file.text += '\n';
      file.text.append(kForNormal).append("=\"" + parameter + "\"\n");
      return {};
    }
    const ShellAssignment& last = assignments.back();
    if (!last.editable)
      return Error(Errc::unsupported, file.path + ":" + std::to_string(last.line) + ": " +
                                          last.name +
                                          " is put together in a way that kdumpctl "
                                          "does not edit: add " +
                                          parameter + " there by hand");
    const std::string value = file.text.substr(last.begin, last.end - last.begin);
    file.text = replace_value(file.text, last, edit_parameters(value, {edit}));
    return {};
  }

  [[nodiscard]] Result<void> make_grub_cfg() const {
    const std::string cfg = grub_cfg_.substr(paths_.root.size());
    std::vector<std::string> command = {"update-grub"};
    if (find_program(paths_, command[0]).empty()) {
      command = {
          find_program(paths_, "grub2-mkconfig").empty() ? "grub-mkconfig" : "grub2-mkconfig", "-o",
          cfg};
      if (find_program(paths_, command[0]).empty())
        return Error(Errc::not_found,
                     "none of update-grub, grub2-mkconfig, grub-mkconfig is "
                     "installed: " +
                         grub_cfg_ + " cannot be made anew");
    }
    auto done = run_program_or_fail(paths_, command, kMakeLimit);
    if (!done) return std::move(done).error();
    return {};
  }

  // As if nothing had been tried, so that the next update of GRUB does not surprise anybody.
  static void put_back(const std::vector<DefaultsFile>& before,
                       const std::vector<DefaultsFile>& after) {
    for (const DefaultsFile& file : after) {
      if (!file.changed) continue;
      const auto old = std::find_if(before.begin(), before.end(), [&](const DefaultsFile& known) {
        return known.path == file.path;
      });
      if (old == before.end())
        (void)::unlink(file.path.c_str());
      else
        (void)replace_text_file(old->path, old->text);
    }
  }

  HostPaths paths_;
  std::string grub_cfg_;
};

}  // namespace

std::unique_ptr<Bootloader> find_grub_defaults(const Host& host) {
  if (::access(host.paths.grub_defaults().c_str(), F_OK) != 0) return nullptr;
  for (const char* name : {"/grub/grub.cfg", "/grub2/grub.cfg"}) {
    std::string file = host.paths.boot() + name;
    if (::access(file.c_str(), F_OK) == 0)
      return std::make_unique<GrubDefaults>(host.paths, std::move(file));
  }
  return nullptr;
}

}  // namespace kdump
