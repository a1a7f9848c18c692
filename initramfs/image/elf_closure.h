// Which shared libraries a program needs, as the dynamic loader would find them, without running
// anything of the program (ldd would).
#pragma once

#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

struct ElfDependency {
  std::string source;      // where it is on this host
  std::string image_path;  // where the loader in the image finds it
};

// Where the dynamic loader of a machine (EM_…) searches by default, with neither ld.so.conf nor
// ld.so.cache: the image has none.
std::vector<std::string> loader_directories(unsigned machine);

// The interpreter and all libraries that `programs` need, directly or not, sorted by image_path.
//
// The image has no ld.so.cache, so every library goes to the directory in which libc is: the loader
// searches that one by default. Search order here: RPATH or RUNPATH, ld.so.conf, default
// directories.
Result<std::vector<ElfDependency>> elf_closure(const std::vector<std::string>& programs);

// The file as the loader needs it: without section table, symbols and debug information, which no
// segment holds. Anything but an ELF file comes back as it is.
Result<std::vector<std::byte>> loadable_part(const std::string& path);

}  // namespace kdump
