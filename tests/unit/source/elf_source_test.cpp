#include "makedump/source/elf_source.h"

#include <functional>
#include <gmock/gmock.h>

#include "tests/unit/source/elf_file.h"

namespace kdump {
namespace {

using test::ElfFile;
using test::TempFile;
using testing::HasSubstr;

constexpr uint64_t kPage = 4096;

// 16 pages of RAM at 1 MiB and 4 at 2 MiB; the kernel's text is 2 pages within the first.
ElfFile small_vmcore() {
  ElfFile elf;
  elf.note(0x200, 0x20);
  elf.load(0x1000, 0xffffffff81000000, 0x102000, 2 * kPage, 2 * kPage);
  elf.load(0x3000, 0xffff888000100000, 0x100000, 16 * kPage, 16 * kPage);
  elf.load(0x13000, 0xffff888000200000, 0x200000, 4 * kPage, 4 * kPage);
  return elf;
}
constexpr uint64_t kSmallSize = 0x17000;

TEST(ElfSource, DescribesMemory) {
  const TempFile file;
  small_vmcore().write(file);
  file.resize(kSmallSize);
  file.write(FileOffset(0x200), "notes");
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ((*source)->machine(), EM_X86_64);
  EXPECT_EQ((*source)->byte_order(), ByteOrder::little);
  EXPECT_EQ((*source)->name(), file.path());
  ASSERT_EQ((*source)->segments().size(), 3U);
  EXPECT_EQ((*source)->segments()[0].virt, VirtAddr(0xffffffff81000000));
  EXPECT_EQ((*source)->segments()[0].phys, PhysAddr(0x102000));
  const std::vector<PhysRange> ram = {{PhysAddr(0x100000), PhysAddr(0x110000)},
                                      {PhysAddr(0x200000), PhysAddr(0x204000)}};
  EXPECT_EQ((*source)->ram(), ram);
  EXPECT_EQ((*source)->notes_offset(), FileOffset(0x200));
  ASSERT_EQ((*source)->notes().size(), 0x20U);
  EXPECT_EQ(as_text((*source)->notes().first(5)), "notes");
}

TEST(ElfSource, AdjacentAndOverlappingRangesBecomeOne) {
  const TempFile file;
  ElfFile elf;
  elf.load(0x1000, 0, 0x5000, 0x1000, 0x1000);
  elf.load(0x2000, 0, 0x3000, 0x2000, 0x2000);
  elf.load(0x4000, 0, 0x4800, 0x1000, 0x1000);
  elf.load(0x5000, 0, 0x8000, 0x0, 0x1000);  // no bytes of it are in the file
  elf.load(0x5000, 0, 0x9000, 0x800, 0x1000);
  elf.write(file);
  file.resize(0x6000);
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  const std::vector<PhysRange> ram = {{PhysAddr(0x3000), PhysAddr(0x6000)},
                                      {PhysAddr(0x9000), PhysAddr(0x9800)}};
  EXPECT_EQ((*source)->ram(), ram);
  EXPECT_EQ((*source)->segments().size(), 5U);
}

TEST(ElfSource, HeadersMayBeAnywhere) {
  const TempFile file;
  ElfFile elf = small_vmcore();
  elf.header.e_phoff = kSmallSize;  // hypervisors write them where they like
  elf.write(file);
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ((*source)->ram().size(), 2U);
}

TEST(ElfSource, CountsMoreThan16BitsOfHeaders) {
  const TempFile file;
  ElfFile elf;
  constexpr uint32_t kMany = 70000;
  for (uint64_t i = 0; i < kMany; ++i)
    elf.load(0x1000, 0, i * 2 * kPage, kPage, kPage);
  elf.header.e_phoff = 0x2000;
  elf.header.e_phnum = PN_XNUM;
  elf.header.e_shoff = 0x40;
  elf.header.e_shnum = 1;
  elf.write(file);
  std::array<std::byte, sizeof(Elf64_Shdr)> section{};
  store<uint32_t>(section.data() + offsetof(Elf64_Shdr, sh_info), kMany);
  file.write(FileOffset(0x40), section);
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ((*source)->ram().size(), kMany);

  store<uint32_t>(section.data() + offsetof(Elf64_Shdr, sh_info), 0x10000000);
  file.write(FileOffset(0x40), section);
  const auto refused = open_source(file.path());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("268435456 program headers"));
}

TEST(ElfSource, ReadsTheOtherByteOrder) {
  const TempFile file;
  ElfFile elf = small_vmcore();
  elf.order = ByteOrder::big;
  elf.header.e_machine = EM_S390;
  elf.write(file);
  file.resize(kSmallSize);
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ((*source)->byte_order(), ByteOrder::big);
  EXPECT_EQ((*source)->machine(), EM_S390);
  EXPECT_EQ((*source)->ram().front().begin, PhysAddr(0x100000));
}

TEST(ElfSource, JoinsNoteSegments) {
  const TempFile file;
  ElfFile elf = small_vmcore();
  elf.note(0x300, 4);
  elf.write(file);
  file.resize(kSmallSize);
  file.write(FileOffset(0x300), "more");
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  ASSERT_EQ((*source)->notes().size(), 0x24U);
  EXPECT_EQ(as_text((*source)->notes().last(4)), "more");
}

TEST(ElfSource, LeavesOutDeviceDumpsThatAreTooLarge) {
  const TempFile file;
  constexpr uint32_t kDesc = 20 << 20;
  ElfFile elf = small_vmcore();
  std::vector<std::byte> notes(24 + 24);
  store<uint32_t>(notes.data(), 6);  // "LINUX"
  store<uint32_t>(notes.data() + 4, kDesc);
  store<uint32_t>(notes.data() + 8, 0x700);
  const uint64_t second = kSmallSize + 12 + 8 + kDesc;
  elf.headers[0].p_offset = kSmallSize;
  elf.headers[0].p_filesz = 12 + 8 + kDesc + 12 + 8 + 4;
  elf.write(file);
  file.resize(kSmallSize + elf.headers[0].p_filesz);
  file.write(FileOffset(kSmallSize), Bytes(notes).first(12));
  store<uint32_t>(notes.data(), 5);  // "CORE"
  store<uint32_t>(notes.data() + 4, 4);
  store<uint32_t>(notes.data() + 8, 1);
  file.write(FileOffset(second), Bytes(notes).first(12));
  file.write(FileOffset(second + 20), "regs");
  const auto source = open_source(file.path());
  ASSERT_TRUE(source) << source.error().message();
  ASSERT_EQ((*source)->notes().size(), 24U);
  EXPECT_EQ(as_text((*source)->notes().last(4)), "regs");
}

TEST(ElfSource, RefusesWhatIsNoVmcore) {
  const TempFile file;
  const auto message = [&] {
    const auto source = open_source(file.path());
    return source ? "opened" : source.error().message();
  };
  EXPECT_EQ(message(), file.path() + ": is empty");
  file.write(FileOffset(0), "just some text");
  EXPECT_EQ(message(), file.path() + ": is not a vmcore: no ELF header at 0x0");
  file.write(FileOffset(0), "\177ELF");
  EXPECT_THAT(message(), HasSubstr("cut short: ELF header at 0x0: ends at 0x40, but the file "
                                   "ends at 0xe"));
  file.write(FileOffset(0), "KDUMP   ");
  EXPECT_THAT(message(), HasSubstr("kdump-compressed"));
  EXPECT_EQ(open_source(file.path()).error().code(), Errc::unsupported);
  file.write(FileOffset(0), "makedumpfile\0\0\0\0");
  EXPECT_THAT(message(), HasSubstr("flattened"));
  EXPECT_EQ(open_source("/nowhere/vmcore").error().code(), Errc::not_found);
  EXPECT_THAT(open_source("/tmp").error().message(), HasSubstr("is a directory"));
}

TEST(ElfSource, NamesWhatIsWrongAndWhere) {
  const struct {
    std::function<void(ElfFile&)> spoil;
    std::string message;
  } cases[] = {
      {[](ElfFile& e) { e.header.e_ident[EI_CLASS] = ELFCLASS32; }, "32-bit vmcores"},
      {[](ElfFile& e) { e.header.e_ident[EI_CLASS] = 7; }, "ELF header at 0x4: unknown class 7"},
      {[](ElfFile& e) { e.header.e_ident[EI_DATA] = 9; },
       "ELF header at 0x5: unknown byte order 9"},
      {[](ElfFile& e) { e.header.e_type = ET_EXEC; }, "ELF header at 0x10: file type 2"},
      {[](ElfFile& e) { e.header.e_phentsize = 32; }, "ELF header at 0x36: program headers of 32"},
      {[](ElfFile& e) { e.header.e_phnum = PN_XNUM; }, "ELF header at 0x28: no section header 0"},
      {[](ElfFile& e) { e.headers.assign(1, {}); }, "no program header holds memory"},
      {[](ElfFile& e) { e.header.e_phnum = 5000; }, "cut short: program headers: ends at 0x44600"},
      {[](ElfFile& e) { e.headers[3].p_memsz = 0xfffffffffffff000; },
       "program header 3 at 0xe8: virtual address 0xffff888000200000: memory size "
       "0xfffffffffffff000 overflows"},
      {[](ElfFile& e) { e.headers[3].p_paddr = 0xfffffffffffff000; },
       "program header 3 at 0xe8: physical address 0xfffffffffffff000: memory size 0x4000 "
       "overflows"},
      {[](ElfFile& e) { e.headers[3].p_paddr = 0xfff0000000000000; }, "which no machine has"},
      {[](ElfFile& e) { e.headers[3].p_offset = 0xfffffffffffff000; },
       "program header 3 at 0xe8: offset 0xfffffffffffff000 and size 0x4000 overflow"},
      {[](ElfFile& e) { e.headers[3].p_filesz = 0x4001; },
       "cut short: program header 3 at 0xe8: ends at 0x17001, but the file ends at 0x17000"},
      {[](ElfFile& e) { e.headers[2].p_memsz = 0x1000; },
       "program header 2 at 0xb0: file size 0x10000 is larger than memory size 0x1000"},
      {[](ElfFile& e) { e.headers[0].p_filesz = 0x100000; },
       "cut short: program header 0 at 0x40: ends at 0x100200"},
  };
  for (const auto& c : cases) {
    const TempFile file;
    ElfFile elf = small_vmcore();
    c.spoil(elf);
    elf.write(file);
    file.resize(kSmallSize);
    const auto source = open_source(file.path());
    ASSERT_FALSE(source) << c.message;
    EXPECT_THAT(source.error().message(), HasSubstr(c.message));
    EXPECT_THAT(source.error().message(), testing::StartsWith(file.path() + ": "));
  }
}

// Any single damage to the headers is an error or another view of memory, never a crash.
TEST(ElfSource, SurvivesAnyByteOfTheHeaders) {
  const TempFile file;
  small_vmcore().write(file);
  file.resize(kSmallSize);
  std::array<std::byte, 64 + 4 * 56> intact{};
  {
    const auto fd = open_file(file.path(), O_RDONLY);
    ASSERT_TRUE(fd);
    ASSERT_TRUE(pread_some(*fd, intact, FileOffset(0), file.path()));
  }
  for (size_t i = 0; i < intact.size(); ++i) {
    for (const unsigned value : {0x00U, 0x01U, 0x7fU, 0x80U, 0xffU}) {
      const auto byte = static_cast<std::byte>(value);
      file.write(FileOffset(i), Bytes(&byte, 1));
      if (const auto source = open_source(file.path())) {
        const auto reader = (*source)->make_reader(0);
        ASSERT_TRUE(reader);
        for (const PhysRange& range : (*source)->ram()) {
          (void)(*reader)->view_frame(range.begin, kPage);
          (void)(*reader)->view(range.end - 1, 1);
        }
      } else {
        EXPECT_THAT(source.error().message(), testing::StartsWith(file.path() + ": "));
      }
    }
    file.write(FileOffset(i), Bytes(intact).subspan(i, 1));
  }
}

}  // namespace
}  // namespace kdump
