#include "initramfs/image/image_check.h"

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <sys/stat.h>

#include "initramfs/image/cpio.h"
#include "initramfs/image/elf_closure.h"
#include "initramfs/image/elf_file.h"
#include "initramfs/image/image_record.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"
#include "makedump/compress/unpack.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// No capture kernel could unpack more into the memory that is reserved for it.
constexpr size_t kLargestImage = size_t{1} << 30;

Result<std::vector<std::byte>> unpack_image(Bytes file) {
  struct Kind {
    std::string_view magic;
    Packing packing;
  };
  constexpr std::array<Kind, 3> kKinds = {Kind{"\x28\xb5\x2f\xfd", Packing::zstd},
                                          Kind{"\x1f\x8b", Packing::gzip},
                                          Kind{"\xfd\x37\x7a\x58\x5a", Packing::xz}};
  for (const Kind& kind : kKinds)
    if (as_text(file).starts_with(kind.magic)) return unpack(kind.packing, file, kLargestImage);
  return std::vector<std::byte>(file.begin(), file.end());
}

// The kernel reads - and _ in module names as the same letter.
std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class Inspector {
 public:
  Inspector(const std::vector<CpioFile>& files, const std::string& release, ImageContents& contents)
      : release_(release), contents_(contents) {
    for (const CpioFile& file : files)
      files_.emplace(fs::path(file.path).lexically_normal().string(), &file);
  }

  Result<void> read_plan() {
    const CpioFile* plan = find(kPlanPath);
    if (!plan) return Error(Errc::bad_input, std::string("it holds no ") + kPlanPath);
    KDUMP_TRY_ASSIGN(contents_.plan, decode_capture_plan(as_text(plan->content), kPlanPath));
    return {};
  }

  void check_programs() {
    const char* capture = is_dracuts() ? "/usr/bin/kdump-capture" : "/init";
    for (const char* path : {capture, kMakedumpPath}) {
      const CpioFile* program = find(path);
      if (!program || !S_ISREG(program->mode) || (program->mode & S_IXUSR) == 0)
        contents_.program_problems.push_back(std::string(path) + " is not in it");
      else if (add(path, *program))
        ++contents_.programs;
    }
    while (!waiting_.empty()) {
      const auto [path, file] = std::move(waiting_.front());
      waiting_.pop_front();
      if (!file.interpreter.empty()) resolve_interpreter(path, file);
      for (const std::string& name : file.needed)
        resolve(name, path, file);
    }
    contents_.libraries = seen_.size() - contents_.programs;
  }

  void check_modules() {
    if (is_dracuts()) return count_modules();
    const CpioFile* list = find(kModuleListPath);
    if (!list) return contents_.module_problems.push_back("the list of modules is not in it");
    std::istringstream lines{std::string(as_text(list->content))};
    for (std::string line; std::getline(lines, line);)
      check_module(line.substr(0, line.find(' ')));
  }

 private:
  // In an image that dracut built, folders and libraries may be links.
  [[nodiscard]] const CpioFile* find(std::string path) const {
    constexpr int kMostLinks = 8;
    for (int links = 0; links < kMostLinks; ++links) {
      auto found = files_.find(path);
      if (found == files_.end() && is_dracuts() && !path.starts_with("/usr/"))
        found = files_.find("/usr" + path);
      if (found == files_.end()) return nullptr;
      const CpioFile& file = *found->second;
      if (!S_ISLNK(file.mode)) return &file;
      const std::string target(as_text(file.content));
      path = (fs::path(found->first).parent_path() / target).lexically_normal();
    }
    return nullptr;
  }

  [[nodiscard]] bool is_dracuts() const { return contents_.plan.image == ImageKind::dracut; }

  // udev loads them there, in the order that modules.dep has.
  void count_modules() {
    for (const auto& [path, file] : files_) {
      const std::string name = fs::path(path).filename();
      const size_t end = name.find(".ko");
      if (end == std::string::npos ||
          path.find("/lib/modules/" + release_ + "/") == std::string::npos)
        continue;
      contents_.modules.push_back(module_name(name.substr(0, end)));
      contents_.module_bytes.push_back(file->content.size());
    }
    if (contents_.modules.empty())
      contents_.module_problems.push_back("no module for kernel " + release_ + " is in it");
  }

  bool add(const std::string& path, const CpioFile& file) {
    if (!seen_.insert(path).second) return false;
    auto elf = read_elf_bytes(file.content, path);
    if (!elf) {
      contents_.program_problems.push_back(elf.error().message());
      return false;
    }
    waiting_.emplace_back(path, *std::move(elf));
    return true;
  }

  void resolve_interpreter(const std::string& user, const ElfFile& elf) {
    const CpioFile* file = find(elf.interpreter);
    if (!file)
      contents_.program_problems.push_back(user + " needs " + elf.interpreter +
                                           ", which is not in it");
    else
      add(elf.interpreter, *file);
    interpreters_.insert(fs::path(elf.interpreter).filename());
  }

  // As the loader searches: the file's own directories, then the default ones.
  void resolve(const std::string& name, const std::string& user, const ElfFile& elf) {
    if (interpreters_.contains(name)) return;  // loaded already, from its own place
    std::vector<std::string> directories = elf.search;
    for (std::string& directory : loader_directories(elf.machine))
      directories.push_back(std::move(directory));
    for (const std::string& directory : directories) {
      const std::string path = fs::path(directory) / name;
      const CpioFile* file = find(path);
      if (!file) continue;
      const auto found = read_elf_bytes(file->content, path);
      if (found && (found->elf_class != elf.elf_class || found->machine != elf.machine)) continue;
      add(path, *file);
      return;
    }
    contents_.program_problems.push_back(user + " needs " + name + ", which is not in it");
  }

  void check_module(const std::string& path) {
    const CpioFile* file = find(path);
    if (!file) return contents_.module_problems.push_back(path + " is not in it");
    auto info = read_module_info(file->content, path);
    if (!info) return contents_.module_problems.push_back(info.error().message());
    const std::string name =
        module_name(info->name.empty() ? fs::path(path).stem().string() : info->name);
    if (info->release != release_)
      contents_.module_problems.push_back(path + " is for kernel " + info->release + ", not " +
                                          release_);
    for (const std::string& needed : info->depends)
      if (!loaded_.contains(module_name(needed)))
        contents_.module_problems.push_back(path + " needs " + needed +
                                            ", which is not loaded before it");
    if (!info->is_signed) contents_.unsigned_modules.push_back(name);
    loaded_.insert(name);
    contents_.modules.push_back(name);
    contents_.module_bytes.push_back(file->content.size());
  }

  const std::string& release_;
  ImageContents& contents_;
  std::map<std::string, const CpioFile*> files_;
  std::deque<std::pair<std::string, ElfFile>> waiting_;
  std::set<std::string> seen_;  // ELF files of the closure, by path
  std::set<std::string> interpreters_, loaded_;
};

}  // namespace

Result<ImageContents> inspect_image(const std::string& path, const std::string& release) {
  KDUMP_TRY_ASSIGN(const std::string packed, read_text_file(path, kLargestImage));
  const Bytes image = as_bytes(packed);
  KDUMP_TRY_ASSIGN(const VerifiedImage verified, verify_image(image, path));
  auto archive = unpack_image(image.subspan(verified.archive_offset));
  if (!archive) return std::move(archive).error().context(path);
  KDUMP_TRY_ASSIGN(const auto files, read_cpio(*archive, path));

  ImageContents contents;
  contents.packed_bytes = packed.size();
  contents.unpacked_bytes = archive->size();
  Inspector inspector(files, release, contents);
  if (auto plan = inspector.read_plan(); !plan) return std::move(plan).error().context(path);
  inspector.check_programs();
  inspector.check_modules();
  return contents;
}

}  // namespace kdump
