#include "initramfs/image/elf_closure.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <elf.h>
#include <filesystem>
#include <glob.h>
#include <map>
#include <set>
#include <sstream>

#include "initramfs/image/elf_file.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestProgram = size_t{512} << 20;

// Directories of ld.so.conf and the files it includes.
void read_ld_so_conf(const std::string& path, int depth, std::vector<std::string>& directories) {
  if (depth > 4) return;
  const auto text = read_text_file(path);
  if (!text) return;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string first;
    if (!(words >> first)) continue;
    if (first != "include") {
      if (first.starts_with('/')) directories.push_back(first);
      continue;
    }
    for (std::string pattern; words >> pattern;) {
      if (!pattern.starts_with('/')) pattern.insert(0, fs::path(path).parent_path().string() + "/");
      glob_t matched{};
      if (::glob(pattern.c_str(), 0, nullptr, &matched) == 0)
        for (size_t i = 0; i < matched.gl_pathc; ++i)
          read_ld_so_conf(matched.gl_pathv[i], depth + 1, directories);
      ::globfree(&matched);
    }
  }
}

const char* multiarch_of(unsigned machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64-linux-gnu";
    case EM_AARCH64:
      return "aarch64-linux-gnu";
    case EM_PPC64:
      return "powerpc64le-linux-gnu";
    case EM_S390:
      return "s390x-linux-gnu";
    case EM_RISCV:
      return "riscv64-linux-gnu";
    default:
      return nullptr;
  }
}

// Loader's defaults first: a library that is there needs no ld.so.conf in the image either.
std::vector<std::string> system_directories(unsigned machine) {
  const std::vector<std::string> directories = loader_directories(machine);
  std::vector<std::string> configured;
  read_ld_so_conf("/etc/ld.so.conf", 0, configured);
  // What the admin configured comes first, as in ld.so.cache.
  for (const std::string& directory : directories)
    if (std::find(configured.begin(), configured.end(), directory) == configured.end())
      configured.push_back(directory);
  return configured;
}

class Closure {
 public:
  Result<std::vector<ElfDependency>> of(const std::vector<std::string>& programs) {
    for (const std::string& program : programs) {
      KDUMP_TRY_ASSIGN(ElfFile file, read_elf_file(program));
      if (!file.interpreter.empty()) interpreters_.insert(file.interpreter);
      waiting_.push_back(std::move(file));
    }
    while (!waiting_.empty()) {
      const ElfFile file = std::move(waiting_.front());
      waiting_.pop_front();
      for (const std::string& name : file.needed)
        KDUMP_TRY(add(name, file));
    }
    return laid_out();
  }

 private:
  // The first file in the search order that this program could load: a directory may hold libraries
  // of other machines.
  Result<void> add(const std::string& name, const ElfFile& user) {
    if (libraries_.contains(name) || is_interpreter(name)) return {};
    std::vector<std::string> directories = user.search;
    for (std::string& directory : system_directories(user.machine))
      directories.push_back(std::move(directory));
    if (name.find('/') != std::string::npos)
      return Error(Errc::unsupported, name + ": a library that is needed by path, not by name");
    for (const std::string& directory : directories) {
      const std::string path = fs::path(directory) / name;
      std::error_code ignored;
      if (!fs::exists(path, ignored)) continue;
      auto file = read_elf_file(path);
      if (!file || file->elf_class != user.elf_class || file->machine != user.machine) continue;
      libraries_.emplace(name, path);
      waiting_.push_back(std::move(*file));
      return {};
    }
    return Error(Errc::not_found, "shared library " + name + " is not on this host");
  }

  // libc and others list the loader as a library; it is loaded already, from its own place.
  [[nodiscard]] bool is_interpreter(const std::string& name) const {
    return std::any_of(interpreters_.begin(), interpreters_.end(),
                       [&](const std::string& path) { return fs::path(path).filename() == name; });
  }

  Result<std::vector<ElfDependency>> laid_out() {
    std::vector<ElfDependency> files;
    std::string directory = "/lib";
    if (const auto libc = libraries_.find("libc.so.6"); libc != libraries_.end())
      directory = fs::path(libc->second).parent_path();
    for (const auto& [name, path] : libraries_)
      files.push_back({path, fs::path(directory) / name});
    for (const std::string& interpreter : interpreters_)
      files.push_back({interpreter, interpreter});
    std::sort(files.begin(), files.end(), [](const ElfDependency& a, const ElfDependency& b) {
      return a.image_path < b.image_path;
    });
    return files;
  }

  std::deque<ElfFile> waiting_;
  std::map<std::string, std::string> libraries_;  // name → path on this host
  std::set<std::string> interpreters_;
};

}  // namespace

std::vector<std::string> loader_directories(unsigned machine) {
  std::vector<std::string> directories;
  if (const char* multiarch = multiarch_of(machine)) {
    directories.push_back(std::string("/lib/") + multiarch);
    directories.push_back(std::string("/usr/lib/") + multiarch);
  }
  for (const char* directory : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    directories.emplace_back(directory);
  return directories;
}

Result<std::vector<ElfDependency>> elf_closure(const std::vector<std::string>& programs) {
  return Closure().of(programs);
}

Result<std::vector<std::byte>> loadable_part(const std::string& path) {
  KDUMP_TRY_ASSIGN(std::string text, read_text_file(path, kLargestProgram));
  std::vector<std::byte> file;
  {
    const Bytes bytes = as_bytes(text);
    file.assign(bytes.begin(), bytes.end());
  }
  if (file.size() < sizeof(Elf64_Ehdr) || !text.starts_with("\177ELF\2")) return file;
  // In the machine's own byte order, as this host runs it: plain copies will do.
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > file.size() ||
      (file.size() - header.e_phoff) / sizeof(Elf64_Phdr) < header.e_phnum)
    return Error(Errc::bad_input, path + ": program headers lie outside the file");
  uint64_t end = header.e_phoff + uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_offset > file.size() || file.size() - segment.p_offset < segment.p_filesz)
      return Error(Errc::bad_input, path + ": cut short: a segment lies outside the file");
    end = std::max(end, segment.p_offset + segment.p_filesz);
  }
  file.resize(end);
  header.e_shoff = 0;
  header.e_shnum = 0;
  header.e_shstrndx = SHN_UNDEF;
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

}  // namespace kdump
