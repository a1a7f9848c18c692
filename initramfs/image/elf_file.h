// What an ELF file says about itself that matters in the capture image: a program's or library's
// needs, and a kernel module's .modinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

struct ElfFile {
  int elf_class = 0;     // ELFCLASS32, ELFCLASS64
  unsigned machine = 0;  // EM_…
  std::string interpreter;
  std::vector<std::string> needed;
  std::vector<std::string> search;  // RUNPATH, or RPATH if there is none; $ORIGIN replaced
};

// A program or shared library. `path` is what $ORIGIN and errors refer to.
Result<ElfFile> read_elf_file(const std::string& path);
Result<ElfFile> read_elf_bytes(Bytes file, const std::string& path);

struct ModuleInfo {
  std::string name;     // "" in modules of old kernels (before 4.9: no name= then)
  std::string release;  // first word of vermagic
  std::vector<std::string> depends;
  bool is_signed = false;  // a signature is there; whether it is trusted only a kernel can tell
};

// An unpacked kernel module. `path` is what errors call it.
Result<ModuleInfo> read_module_info(Bytes file, const std::string& path);

}  // namespace kdump
