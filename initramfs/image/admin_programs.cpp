#include "initramfs/image/admin_programs.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "initramfs/image/fence_kdump.h"
#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/image_paths.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// Where a host without busybox has its own tools, what RHEL's image has of them, about.
constexpr std::array kTools = {
    "awk",      "basename", "blkid",   "cat",      "chmod",  "chown",    "cp",    "cut",   "date",
    "dd",       "df",       "dirname", "dmesg",    "echo",   "env",      "expr",  "find",  "free",
    "grep",     "gzip",     "head",    "hostname", "id",     "ip",       "kill",  "less",  "ln",
    "logger",   "ls",       "lsblk",   "lsmod",    "mkdir",  "modprobe", "mount", "mv",    "ping",
    "poweroff", "printf",   "ps",      "readlink", "reboot", "rm",       "rmdir", "sed",   "sleep",
    "sort",     "stat",     "sync",    "sysctl",   "tail",   "tee",      "test",  "touch", "tr",
    "true",     "umount",   "uname",   "vi",       "wc",     "xargs",
};
constexpr std::array kProgramDirectories = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

// makedump under the name by which it is called in core_collector is in every image.
constexpr std::array kAlwaysThere = {"/usr/bin/makedump", "/usr/bin/makedumpfile"};

// The image has its programs below /usr, and links from /bin and /sbin to there.
std::string image_path_of(const std::string& path) {
  if (path.starts_with("/bin/") || path.starts_with("/sbin/")) return "/usr" + path;
  return path;
}

bool can_be_run(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// The first part of a file: enough for the kernel, and for us, to see what runs it.
Result<std::string> beginning_of(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  std::array<std::byte, 256> bytes{};
  KDUMP_TRY_ASSIGN(const size_t got, pread_some(fd, bytes, FileOffset(0), path));
  return std::string(as_text(Bytes(bytes).first(got)));
}

class Collector {
 public:
  explicit Collector(const std::string& root) : root_(root) {}

  Result<void> add(const AdminProgram& program) {
    auto added = add_program(program);
    if (!added && !program.origin.empty())
      return Error(added.error().code(), program.origin + ": " + added.error().message());
    return added;
  }

  Result<void> add_shell() {
    if (const std::string busybox = find("busybox"); !busybox.empty()) return add_toolbox();
    for (const char* shell : {"bash", "sh"}) {
      const std::string path = find(shell);
      if (path.empty()) continue;
      KDUMP_TRY(add_file(path, std::string("/usr/bin/") + shell, false));
      return add_toolbox();
    }
    return Error(Errc::not_found,
                 "failure_action shell: this host has neither busybox nor bash nor sh: install "
                 "busybox");
  }

  // A script is there: it will call something.
  Result<void> finish() { return has_script_ ? add_toolbox() : Result<void>(); }

  [[nodiscard]] std::vector<AdminFile> take() {
    std::vector<AdminFile> files;
    for (auto& [path, file] : files_)
      files.push_back(std::move(file));
    return files;
  }

 private:
  Result<void> add_program(const AdminProgram& program) {
    const std::string place = image_path_of(program.image_path);
    if (std::ranges::find(kAlwaysThere, place) != kAlwaysThere.end()) return {};
    KDUMP_TRY_ASSIGN(const std::string beginning, beginning_of(program.source));
    if (beginning.starts_with("\177ELF")) return add_file(program.source, place, false);
    KDUMP_TRY(add_file(program.source, place, true));
    has_script_ = true;
    return add_interpreter(program.source, interpreter_of(beginning));
  }

  Result<void> add_interpreter(const std::string& script, const std::vector<std::string>& words) {
    KDUMP_TRY(add_one_interpreter(script, words.front()));
    if (words.size() == 1) return {};
    const std::string path = find(words[1]);
    if (path.empty())
      return Error(Errc::not_found, script + ": is run by " + words[1] +
                                        ", which is not on this host: install it, or change the "
                                        "script's first line");
    return add_one_interpreter(script, path.substr(root_.size()));
  }

  Result<void> add_one_interpreter(const std::string& script, const std::string& interpreter) {
    const auto refuse = [&](Errc code, const std::string& why) {
      return Error(code, script + ": is run by " + interpreter + ", " + why);
    };
    const std::string source = root_ + interpreter;
    if (!interpreter.starts_with('/') || !can_be_run(source))
      return refuse(Errc::not_found,
                    "which is not on this host: install it, or change the script's first line");
    const std::string name = fs::path(interpreter).filename();
    if (name.starts_with("python"))
      return refuse(Errc::unsupported,
                    "which needs a library of thousands of files that the capture image has no "
                    "room for: write the script for /bin/sh");
    KDUMP_TRY_ASSIGN(const std::string beginning, beginning_of(source));
    if (!beginning.starts_with("\177ELF"))
      return refuse(Errc::unsupported, "which is a script itself: name a program there");
    return add_file(source, image_path_of(interpreter), false);
  }

  Result<void> add_toolbox() {
    if (const std::string busybox = find("busybox"); !busybox.empty())
      return add_file(busybox, kBusyboxPath, false);
    for (const char* tool : kTools) {
      const std::string path = find(tool);
      if (path.empty()) continue;
      KDUMP_TRY_ASSIGN(const std::string beginning, beginning_of(path));
      if (!beginning.starts_with("\177ELF")) continue;
      KDUMP_TRY(add_file(path, image_path_of(path.substr(root_.size())), false));
    }
    return {};
  }

  // "" if this host has no such program.
  [[nodiscard]] std::string find(const std::string& name) const {
    if (name.empty() || name.find('/') != std::string::npos) return "";
    for (const char* directory : kProgramDirectories)
      if (std::string path = root_ + directory + "/" + name; can_be_run(path)) return path;
    return "";
  }

  Result<void> add_file(const std::string& source, const std::string& place, bool script) {
    std::error_code failed;
    // Where sh is busybox by another name, the links to it are made in the capture kernel.
    if (const std::string busybox = find("busybox");
        place != kBusyboxPath && !busybox.empty() && fs::equivalent(busybox, source, failed))
      return add_file(busybox, kBusyboxPath, false);
    const auto [at, added] = files_.emplace(place, AdminFile{source, place, script});
    if (added || fs::equivalent(at->second.source, source, failed)) return {};
    return Error(Errc::exists, source + " and " + at->second.source + " both want to be " + place +
                                   " in the capture image: name one of them only");
  }

  const std::string& root_;
  std::map<std::string, AdminFile> files_;  // by their place in the image
  bool has_script_ = false;
};

void add_directory(const std::string& root, const std::string& directory,
                   std::vector<AdminProgram>& programs, std::vector<std::string>& warnings) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator it(root + directory, failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename();
    // As a shell's * has it, without what editors and package managers leave behind.
    if (!name.starts_with('.') && !name.ends_with('~') && name.find(".dpkg-") == std::string::npos)
      names.push_back(name);
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (can_be_run(root + path))
      programs.push_back({root + path, path, root + directory});
    else
      warnings.push_back(root + path +
                         " is not run: it is not an executable file; chmod +x it, or remove it");
  }
}

}  // namespace

std::vector<std::string> interpreter_of(std::string_view script) {
  if (!script.starts_with("#!")) return {"/bin/sh"};
  script.remove_prefix(2);
  std::istringstream line{std::string(script.substr(0, script.find('\n')))};
  std::string interpreter;
  if (!(line >> interpreter)) return {"/bin/sh"};
  if (fs::path(interpreter).filename() != "env") return {interpreter};
  for (std::string word; line >> word;)
    // "env -S bash -e", "env LANG=C bash"
    if (!word.starts_with('-') && word.find('=') == std::string::npos) return {interpreter, word};
  return {interpreter};
}

std::vector<AdminProgram> admin_programs(const LoadedSettings& loaded, const std::string& root,
                                         std::vector<std::string>& warnings) {
  const Settings& settings = loaded.settings;
  std::vector<AdminProgram> programs;
  const auto add = [&](const std::string& setting, const std::string& path) {
    if (path.empty()) return;
    const auto origin = loaded.origins.find(setting);
    programs.push_back({root + path, path,
                        (origin == loaded.origins.end() ? "" : origin->second + ": ") + setting});
  };
  add("kdump_pre", settings.kdump_pre);
  add("kdump_post", settings.kdump_post);
  add("kdump_emergency", settings.kdump_emergency);
  for (const std::string& program : settings.extra_bins)
    add("extra_bins", program);
  if (!settings.fence_kdump_nodes.empty()) {
    add("fence_kdump_nodes", kFenceKdumpPath);
    programs.back().source = find_fence_kdump_send(root);
  }
  for (const char* directory : {kPreHookDirectory, kPostHookDirectory, kEmergencyHookDirectory})
    add_directory(root, directory, programs, warnings);
  return programs;
}

Result<std::vector<AdminFile>> admin_files(const std::vector<AdminProgram>& programs, bool shell,
                                           const std::string& root) {
  Collector collector(root);
  for (const AdminProgram& program : programs)
    KDUMP_TRY(collector.add(program));
  if (shell) KDUMP_TRY(collector.add_shell());
  KDUMP_TRY(collector.finish());
  return collector.take();
}

}  // namespace kdump
