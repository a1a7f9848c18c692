#include "initramfs/elf_closure.h"

#include <algorithm>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <gelf.h>
#include <glob.h>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestProgram = size_t{512} << 20;

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, EndElf>;

struct ElfFile {
  int elf_class = ELFCLASSNONE;
  GElf_Half machine = EM_NONE;
  std::string interpreter;
  std::vector<std::string> needed;
  std::vector<std::string> search;  // RUNPATH, or RPATH if there is none; $ORIGIN replaced
};

Error elf_error(const std::string& path, const char* what) {
  return {Errc::bad_input, path + ": " + what};
}

// Text at a virtual address, through the segment that holds it.
std::optional<std::string> text_at(Bytes file, const std::vector<GElf_Phdr>& segments,
                                   uint64_t address) {
  for (const GElf_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
        address - segment.p_vaddr >= segment.p_filesz)
      continue;
    const uint64_t offset = segment.p_offset + (address - segment.p_vaddr);
    if (offset >= file.size()) return std::nullopt;
    const std::string_view rest = as_text(file.subspan(offset));
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(rest.substr(0, end));
  }
  return std::nullopt;
}

std::vector<std::string> split_search_path(const std::string& list, const std::string& origin) {
  std::vector<std::string> directories;
  std::istringstream in(list);
  for (std::string directory; std::getline(in, directory, ':');) {
    for (const std::string_view token : {"${ORIGIN}", "$ORIGIN"})
      if (const size_t at = directory.find(token); at != std::string::npos)
        directory.replace(at, token.size(), origin);
    if (directory.starts_with('/')) directories.push_back(directory);
  }
  return directories;
}

Result<ElfFile> parse_dynamic(Elf* elf, const std::vector<GElf_Phdr>& segments, Bytes file,
                              const std::string& path, ElfFile result) {
  for (const GElf_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    Elf_Data* data = elf_getdata_rawchunk(elf, static_cast<int64_t>(segment.p_offset),
                                          segment.p_filesz, ELF_T_DYN);
    if (!data) return elf_error(path, "dynamic section cannot be read");
    uint64_t strings = 0;
    std::vector<uint64_t> needed;
    std::optional<uint64_t> rpath, runpath;
    GElf_Dyn entry;
    for (int i = 0; gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; ++i) {
      if (entry.d_tag == DT_STRTAB) strings = entry.d_un.d_ptr;
      if (entry.d_tag == DT_NEEDED) needed.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_RPATH) rpath = entry.d_un.d_val;
      if (entry.d_tag == DT_RUNPATH) runpath = entry.d_un.d_val;
    }
    for (const uint64_t name : needed) {
      auto text = text_at(file, segments, strings + name);
      if (!text || text->empty()) return elf_error(path, "name of a needed library is missing");
      result.needed.push_back(std::move(*text));
    }
    if (const auto list = runpath ? runpath : rpath) {
      if (const auto text = text_at(file, segments, strings + *list))
        result.search = split_search_path(*text, fs::path(path).parent_path());
    }
  }
  return result;
}

Result<ElfFile> parse_elf(const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  const ElfHandle elf(elf_begin(fd.get(), ELF_C_READ, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return elf_error(path, "not an ELF file");
  ElfFile result;
  GElf_Ehdr header;
  if (!gelf_getehdr(elf.get(), &header)) return elf_error(path, "ELF header cannot be read");
  result.elf_class = gelf_getclass(elf.get());
  result.machine = header.e_machine;

  size_t size = 0;
  const char* raw = elf_rawfile(elf.get(), &size);
  if (!raw) return elf_error(path, "cannot be read");
  const Bytes file = as_bytes({raw, size});

  size_t count = 0;
  if (elf_getphdrnum(elf.get(), &count) != 0) return elf_error(path, "no program headers");
  std::vector<GElf_Phdr> segments(count);
  for (size_t i = 0; i < count; ++i)
    if (!gelf_getphdr(elf.get(), static_cast<int>(i), &segments[i]))
      return elf_error(path, "program headers cannot be read");
  for (const GElf_Phdr& segment : segments) {
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > size || size - segment.p_offset < segment.p_filesz)
      return elf_error(path, "cut short");
    const std::string_view text = as_text(file.subspan(segment.p_offset, segment.p_filesz));
    result.interpreter = text.substr(0, text.find('\0'));
  }
  return parse_dynamic(elf.get(), segments, file, path, std::move(result));
}

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

const char* multiarch_of(GElf_Half machine) {
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
std::vector<std::string> system_directories(GElf_Half machine) {
  std::vector<std::string> directories;
  if (const char* multiarch = multiarch_of(machine)) {
    directories.push_back(std::string("/lib/") + multiarch);
    directories.push_back(std::string("/usr/lib/") + multiarch);
  }
  for (const char* directory : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    directories.emplace_back(directory);
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
      KDUMP_TRY_ASSIGN(ElfFile file, parse_elf(program));
      if (!file.interpreter.empty()) interpreters_.insert(file.interpreter);
      todo_.push_back(std::move(file));
    }
    while (!todo_.empty()) {
      const ElfFile file = std::move(todo_.front());
      todo_.pop_front();
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
      auto file = parse_elf(path);
      if (!file || file->elf_class != user.elf_class || file->machine != user.machine) continue;
      libraries_.emplace(name, path);
      todo_.push_back(std::move(*file));
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

  std::deque<ElfFile> todo_;
  std::map<std::string, std::string> libraries_;  // name → path on this host
  std::set<std::string> interpreters_;
};

}  // namespace

Result<std::vector<ElfDependency>> elf_closure(const std::vector<std::string>& programs) {
  if (elf_version(EV_CURRENT) == EV_NONE)
    return Error(Errc::internal, "libelf does not know this ELF version");
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
    return elf_error(path, "program headers lie outside the file");
  uint64_t end = header.e_phoff + uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_offset > file.size() || file.size() - segment.p_offset < segment.p_filesz)
      return elf_error(path, "cut short: a segment lies outside the file");
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
