#include "makedump/arch/arch.h"

#include <elf.h>
#include <string>

#include "makedump/arch/x86_64.h"

namespace kdump {

namespace {

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_AARCH64:
      return "aarch64";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    case EM_RISCV:
      return "riscv";
    default:
      return "ELF machine " + std::to_string(machine);
  }
}

}  // namespace

Result<std::unique_ptr<Arch>> make_arch(const Source& source, const VmcoreInfo& info) {
  if (source.machine() == EM_X86_64) return make_x86_64(source, info);
  return Error(Errc::unsupported, source.name() + ": ELF header at 0x12: dumps of " +
                                      machine_name(source.machine()) +
                                      " can't be filtered, only those of x86_64");
}

}  // namespace kdump
