// ELF vmcores of a few pages, written field by field so that a test can spoil any of them.
#pragma once

#include <cstdlib>
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump::test {

// A file under a name of its own that goes away with the test.
class TempFile {
 public:
  TempFile() : fd_(::mkstemp(path_)) { EXPECT_TRUE(fd_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() { ::unlink(path_); }

  [[nodiscard]] std::string path() const { return path_; }
  void write(FileOffset at, Bytes bytes) const { EXPECT_TRUE(pwrite_all(fd_, bytes, at, path_)); }
  void write(FileOffset at, std::string_view text) const { write(at, as_bytes(text)); }
  void resize(uint64_t size) const {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(size)), 0);
  }

 private:
  char path_[32] = "/tmp/kdump-source-XXXXXX";
  Fd fd_;
};

// Where `headers` and their bytes go is the test's affair.
class ElfFile {
 public:
  ByteOrder order = ByteOrder::little;
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> headers;

  ElfFile() {
    const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    std::copy(std::begin(ident), std::end(ident), header.e_ident);
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
  }

  void load(uint64_t offset, uint64_t virt, uint64_t phys, uint64_t file_size, uint64_t mem_size) {
    headers.push_back({PT_LOAD, PF_R, offset, virt, phys, file_size, mem_size, 0});
  }
  void note(uint64_t offset, uint64_t size) {
    headers.push_back({PT_NOTE, 0, offset, 0, 0, size, size, 0});
  }

  void write(const TempFile& file) {
    if (header.e_phnum == 0) header.e_phnum = static_cast<Elf64_Half>(headers.size());
    std::vector<std::byte> raw;
    const auto put = [&](auto value) {
      raw.resize(raw.size() + sizeof(value));
      store(raw.data() + raw.size() - sizeof(value), value, order);
    };
    if (order == ByteOrder::big) header.e_ident[EI_DATA] = ELFDATA2MSB;
    for (const unsigned char c : header.e_ident)
      put(uint8_t{c});
    put(header.e_type), put(header.e_machine), put(header.e_version), put(header.e_entry);
    put(header.e_phoff), put(header.e_shoff), put(header.e_flags), put(header.e_ehsize);
    put(header.e_phentsize), put(header.e_phnum), put(header.e_shentsize), put(header.e_shnum);
    put(header.e_shstrndx);
    file.write(FileOffset(0), raw);
    raw.clear();
    for (const Elf64_Phdr& h : headers) {
      put(h.p_type), put(h.p_flags), put(h.p_offset), put(h.p_vaddr), put(h.p_paddr);
      put(h.p_filesz), put(h.p_memsz), put(h.p_align);
    }
    file.write(FileOffset(header.e_phoff), raw);
  }
};

}  // namespace kdump::test
