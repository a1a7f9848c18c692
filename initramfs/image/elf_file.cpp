#include "initramfs/image/elf_file.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gelf.h>
#include <memory>
#include <optional>
#include <sstream>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

// What the kernel's scripts/sign-file ends a signed module with.
constexpr std::string_view kSignatureEnd = "~Module signature appended~\n";

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, EndElf>;

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

Result<ElfFile> parse_elf(Elf* elf, const std::string& path) {
  ElfFile result;
  GElf_Ehdr header;
  if (!gelf_getehdr(elf, &header)) return elf_error(path, "ELF header cannot be read");
  result.elf_class = gelf_getclass(elf);
  result.machine = header.e_machine;

  size_t size = 0;
  const char* raw = elf_rawfile(elf, &size);
  if (!raw) return elf_error(path, "cannot be read");
  const Bytes file = as_bytes({raw, size});

  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return elf_error(path, "no program headers");
  std::vector<GElf_Phdr> segments(count);
  for (size_t i = 0; i < count; ++i)
    if (!gelf_getphdr(elf, static_cast<int>(i), &segments[i]))
      return elf_error(path, "program headers cannot be read");
  for (const GElf_Phdr& segment : segments) {
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > size || size - segment.p_offset < segment.p_filesz)
      return elf_error(path, "cut short");
    const std::string_view text = as_text(file.subspan(segment.p_offset, segment.p_filesz));
    result.interpreter = text.substr(0, text.find('\0'));
  }
  return parse_dynamic(elf, segments, file, path, std::move(result));
}

Result<ElfHandle> begin_elf(Elf* raw, const std::string& path) {
  ElfHandle elf(raw);
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return elf_error(path, "not an ELF file");
  return elf;
}

// libelf refuses to do anything before it was asked for its version.
Result<void> start_libelf() {
  if (elf_version(EV_CURRENT) == EV_NONE)
    return Error(Errc::internal, "libelf does not know this ELF version");
  return {};
}

Result<ElfHandle> elf_in(Bytes file, const std::string& path) {
  KDUMP_TRY(start_libelf());
  // It takes a pointer to what it could change, and changes nothing unless told to.
  auto* const image = const_cast<char*>(as_text(file).data());  // NOLINT
  return begin_elf(elf_memory(image, file.size()), path);
}

// The content of the section called `wanted`; empty if there is none.
Result<std::string_view> section(Elf* elf, std::string_view wanted, Bytes file,
                                 const std::string& path) {
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return elf_error(path, "no table of section names");
  for (Elf_Scn* entry = nullptr; (entry = elf_nextscn(elf, entry)) != nullptr;) {
    GElf_Shdr header;
    if (!gelf_getshdr(entry, &header)) return elf_error(path, "section headers cannot be read");
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (!name || wanted != name) continue;
    if (header.sh_type == SHT_NOBITS || header.sh_offset > file.size() ||
        file.size() - header.sh_offset < header.sh_size)
      return elf_error(path, "cut short: a section lies outside the file");
    return as_text(file.subspan(header.sh_offset, header.sh_size));
  }
  return std::string_view();
}

}  // namespace

Result<ElfFile> read_elf_file(const std::string& path) {
  KDUMP_TRY(start_libelf());
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  KDUMP_TRY_ASSIGN(const ElfHandle elf, begin_elf(elf_begin(fd.get(), ELF_C_READ, nullptr), path));
  return parse_elf(elf.get(), path);
}

Result<ElfFile> read_elf_bytes(Bytes file, const std::string& path) {
  KDUMP_TRY_ASSIGN(const ElfHandle elf, elf_in(file, path));
  return parse_elf(elf.get(), path);
}

Result<ModuleInfo> read_module_info(Bytes file, const std::string& path) {
  KDUMP_TRY_ASSIGN(const ElfHandle elf, elf_in(file, path));
  KDUMP_TRY_ASSIGN(std::string_view rest, section(elf.get(), ".modinfo", file, path));
  if (rest.empty()) return elf_error(path, "not a kernel module: it has no .modinfo");
  ModuleInfo info;
  info.is_signed = as_text(file).ends_with(kSignatureEnd);
  // "key=value" texts, each ended by a NUL, some padded with more.
  while (!rest.empty()) {
    const std::string_view text = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    const size_t equals = std::min(text.find('='), text.size());
    const std::string_view key = text.substr(0, equals);
    const std::string_view value = text.substr(std::min(equals + 1, text.size()));
    if (key == "name") info.name = value;
    if (key == "vermagic") info.release = value.substr(0, value.find(' '));
    if (key != "depends") continue;
    std::istringstream names{std::string(value)};
    for (std::string name; std::getline(names, name, ',');)
      if (!name.empty()) info.depends.push_back(std::move(name));
  }
  return info;
}

}  // namespace kdump
