#include "makedump/source/elf_source.h"

#include <algorithm>
#include <array>
#include <elf.h>
#include <libelf.h>

#include "makedump/source/elf_reader.h"

namespace kdump {

namespace {

// /proc/vmcore counts in 16 bits; a machine with more ranges of memory than this is an invention.
constexpr uint64_t kMaxProgramHeaders = uint64_t{1} << 17;
// Registers of 8192 CPUs take 3 MiB. Only drivers' device dumps (NT_VMCOREDD) are larger: above
// this size they are left out, for the notes are held in memory.
constexpr uint64_t kMaxNoteBytes = uint64_t{16} << 20;
constexpr uint64_t kNoteHeaderBytes = 12;    // n_namesz, n_descsz, n_type
constexpr uint32_t kDeviceDumpNote = 0x700;  // NT_VMCOREDD
constexpr uint64_t kMaxNotes = uint64_t{1} << 16;
// No machine addresses more memory (riscv64: 56 bits).
constexpr unsigned kMaxPhysBits = 56;

class ElfSource final : public Source {
 public:
  MemoryFile file;
  uint16_t elf_machine = EM_NONE;
  ByteOrder order = ByteOrder::little;
  std::vector<Segment> all_segments;
  std::vector<PhysRange> all_ram;
  std::vector<std::byte> all_notes;
  FileOffset notes_at;

  [[nodiscard]] const std::string& name() const override { return file.name; }
  [[nodiscard]] uint16_t machine() const override { return elf_machine; }
  [[nodiscard]] ByteOrder byte_order() const override { return order; }
  [[nodiscard]] const std::vector<Segment>& segments() const override { return all_segments; }
  [[nodiscard]] const std::vector<PhysRange>& ram() const override { return all_ram; }
  [[nodiscard]] Bytes notes() const override { return all_notes; }
  [[nodiscard]] FileOffset notes_offset() const override { return notes_at; }
  [[nodiscard]] Result<std::unique_ptr<PageReader>> make_reader(size_t window) const override {
    return std::unique_ptr<PageReader>(std::make_unique<ElfReader>(file, window));
  }
};

// Where the headers are, as the ELF header says; checked against the size of the file.
struct ProgramHeaders {
  FileOffset at;
  uint64_t count = 0;
};

class Opener {
 public:
  explicit Opener(ElfSource& source) : source_(source), file_(source.file) {}

  Result<void> open() {
    // libelf knows the structures and their byte order; the bytes, and whether they are there, is
    // our affair: it would map the whole vmcore.
    if (elf_version(EV_CURRENT) == EV_NONE) return Error(Errc::internal, "libelf is too old");
    KDUMP_TRY_ASSIGN(const ProgramHeaders headers, read_elf_header());
    KDUMP_TRY(read_program_headers(headers));
    KDUMP_TRY(read_notes());
    return arrange_memory();
  }

 private:
  struct NoteArea {
    FileOffset at;
    uint64_t size = 0;
  };

  [[nodiscard]] Error bad(const std::string& what) const {
    return {Errc::bad_input, file_.name + ": " + what};
  }

  // [at, at + size) must be within the file: `what` says whose bytes they are.
  [[nodiscard]] Result<void> check_within(FileOffset at, uint64_t size,
                                          const std::string& what) const {
    const auto end = checked_add(at.v, size);
    if (!end) return bad(what + ": offset " + hex(at) + " and size " + hex(size) + " overflow");
    if (*end > file_.size)
      return bad("cut short: " + what + ": ends at " + hex(*end) + ", but the file ends at " +
                 hex(file_.size));
    return {};
  }

  Result<void> read_at(FileOffset at, MutBytes into, const std::string& what) {
    KDUMP_TRY(check_within(at, into.size(), what));
    KDUMP_TRY_ASSIGN(const size_t got, pread_some(file_.fd, into, at, file_.name));
    if (got < into.size()) return bad("cut short: " + what + ": the file ends at " + hex(at + got));
    return {};
  }

  // `count` structures of the file into this machine's byte order.
  template <class T>
  Result<void> decode(MutBytes raw, Elf_Type type, T* into, size_t count) const {
    Elf_Data from{}, to{};
    from.d_buf = raw.data();
    from.d_type = type;
    from.d_version = EV_CURRENT;
    from.d_size = raw.size();
    to.d_buf = into;
    to.d_version = EV_CURRENT;
    to.d_size = count * sizeof(T);
    if (elf64_xlatetom(&to, &from, encoding_) == nullptr)
      return Error(Errc::internal, file_.name + ": libelf: " + elf_errmsg(-1));
    return {};
  }

  Result<ProgramHeaders> read_elf_header() {
    alignas(8) std::array<std::byte, sizeof(Elf64_Ehdr)> raw{};
    KDUMP_TRY(read_at(FileOffset(0), raw, "ELF header at 0x0"));
    const auto ident = [&](size_t i) { return std::to_integer<unsigned>(raw.at(i)); };
    if (ident(EI_CLASS) != ELFCLASS64)
      return ident(EI_CLASS) == ELFCLASS32
                 ? Error(Errc::unsupported, file_.name + ": 32-bit vmcores can't be filtered")
                 : bad("ELF header at 0x4: unknown class " + std::to_string(ident(EI_CLASS)));
    encoding_ = ident(EI_DATA);
    if (encoding_ != ELFDATA2LSB && encoding_ != ELFDATA2MSB)
      return bad("ELF header at 0x5: unknown byte order " + std::to_string(encoding_));
    source_.order = encoding_ == ELFDATA2MSB ? ByteOrder::big : ByteOrder::little;

    Elf64_Ehdr header;
    KDUMP_TRY(decode(raw, ELF_T_EHDR, &header, 1));
    if (header.e_type != ET_CORE)
      return bad("ELF header at 0x10: file type " + std::to_string(header.e_type) +
                 ", but a vmcore is a core file (4)");
    source_.elf_machine = header.e_machine;
    if (header.e_phentsize != sizeof(Elf64_Phdr))
      return bad("ELF header at 0x36: program headers of " + std::to_string(header.e_phentsize) +
                 " bytes (they have 56)");
    ProgramHeaders headers{FileOffset(header.e_phoff), header.e_phnum};
    if (header.e_phnum == PN_XNUM) {
      // Too many for 16 bits: the number is in the otherwise unused section header 0.
      const FileOffset at(header.e_shoff);
      if (at.v == 0)
        return bad(
            "ELF header at 0x28: no section header 0, which has the number of program headers");
      alignas(8) std::array<std::byte, sizeof(Elf64_Shdr)> raw_section{};
      KDUMP_TRY(read_at(at, raw_section, "section header 0 at " + hex(at)));
      Elf64_Shdr section;
      KDUMP_TRY(decode(raw_section, ELF_T_SHDR, &section, 1));
      headers.count = section.sh_info;
    }
    if (headers.count == 0) return bad("ELF header at 0x38: no program headers");
    if (headers.count > kMaxProgramHeaders)
      return bad("ELF header at 0x38: " + std::to_string(headers.count) +
                 " program headers are more than any machine's memory needs");
    KDUMP_TRY(check_within(headers.at, headers.count * sizeof(Elf64_Phdr), "program headers"));
    return headers;
  }

  Result<void> read_program_headers(const ProgramHeaders& headers) {
    constexpr uint64_t kBatch = 256;
    std::vector<std::byte> raw(kBatch * sizeof(Elf64_Phdr));
    std::vector<Elf64_Phdr> batch(kBatch);
    for (uint64_t first = 0; first < headers.count; first += kBatch) {
      const auto count = static_cast<size_t>(std::min(kBatch, headers.count - first));
      const MutBytes bytes = MutBytes(raw).first(count * sizeof(Elf64_Phdr));
      KDUMP_TRY(read_at(headers.at + first * sizeof(Elf64_Phdr), bytes, "program headers"));
      KDUMP_TRY(decode(bytes, ELF_T_PHDR, batch.data(), count));
      for (size_t i = 0; i < count; ++i)
        KDUMP_TRY(add_header(batch[i], first + i, headers.at + (first + i) * sizeof(Elf64_Phdr)));
    }
    return {};
  }

  Result<void> add_header(const Elf64_Phdr& header, uint64_t number, FileOffset at) {
    if (header.p_type != PT_LOAD && header.p_type != PT_NOTE) return {};
    const std::string which = "program header " + std::to_string(number) + " at " + hex(at);
    KDUMP_TRY(check_within(FileOffset(header.p_offset), header.p_filesz, which));
    if (header.p_type == PT_NOTE) {
      note_areas_.push_back({FileOffset(header.p_offset), header.p_filesz});
      return {};
    }
    if (header.p_memsz == 0) return {};
    if (header.p_filesz > header.p_memsz)
      return bad(which + ": file size " + hex(header.p_filesz) + " is larger than memory size " +
                 hex(header.p_memsz));
    if (!checked_add(header.p_vaddr, header.p_memsz))
      return bad(which + ": virtual address " + hex(header.p_vaddr) + ": memory size " +
                 hex(header.p_memsz) + " overflows");
    const auto phys_end = checked_add(header.p_paddr, header.p_memsz);
    if (!phys_end)
      return bad(which + ": physical address " + hex(header.p_paddr) + ": memory size " +
                 hex(header.p_memsz) + " overflows");
    if (*phys_end > uint64_t{1} << kMaxPhysBits)
      return bad(which + ": ends at physical address " + hex(*phys_end) + ", which no machine has");
    Segment segment;
    segment.virt = VirtAddr(header.p_vaddr);
    segment.phys = PhysAddr(header.p_paddr);
    segment.mem_size = header.p_memsz;
    segment.file_size = header.p_filesz;
    segment.offset = FileOffset(header.p_offset);
    source_.all_segments.push_back(segment);
    return {};
  }

  // The kernel gives one note segment, a loader's raw headers may hold several; one behind the
  // other they read the same.
  Result<void> read_notes() {
    if (note_areas_.empty()) return {};
    source_.notes_at = note_areas_.front().at;
    uint64_t bytes = 0;
    for (const NoteArea& area : note_areas_)
      bytes = checked_add(bytes, area.size).value_or(UINT64_MAX);
    for (const NoteArea& area : note_areas_) {
      if (bytes <= kMaxNoteBytes)
        KDUMP_TRY(append_note_bytes(area.at, area.size));
      else
        KDUMP_TRY(append_small_notes(area));
    }
    return {};
  }

  Result<void> append_note_bytes(FileOffset at, uint64_t size) {
    auto& notes = source_.all_notes;
    if (size > kMaxNoteBytes - notes.size())
      return bad("notes at " + hex(note_areas_.front().at) + ": more than " +
                 human_bytes(kMaxNoteBytes) + ", device dumps not counted");
    const size_t have = notes.size();
    notes.resize(have + size);
    return read_at(at, MutBytes(notes).subspan(have), "notes at " + hex(at));
  }

  // One by one, without device dumps. What makes no sense ends the area, as it does for whoever
  // reads the notes later.
  Result<void> append_small_notes(const NoteArea& area) {
    uint64_t done = 0;
    while (area.size - done >= kNoteHeaderBytes && notes_seen_++ < kMaxNotes) {
      std::array<std::byte, kNoteHeaderBytes> header{};
      const FileOffset at = area.at + done;
      KDUMP_TRY(read_at(at, header, "note at " + hex(at)));
      const uint64_t name_size = load<uint32_t>(header.data(), source_.order);
      const uint64_t desc_size = load<uint32_t>(header.data() + 4, source_.order);
      const auto type = load<uint32_t>(header.data() + 8, source_.order);
      if (name_size == 0) break;
      const uint64_t size = std::min(
          kNoteHeaderBytes + align_up(name_size, 4) + align_up(desc_size, 4), area.size - done);
      if (type != kDeviceDumpNote) KDUMP_TRY(append_note_bytes(at, size));
      done += size;
    }
    return {};
  }

  // Segments overlap: the kernel's text is listed first, and again within RAM. What begins first
  // wins (of two the longer one), so that RAM stays in long pieces.
  Result<void> arrange_memory() {
    std::vector<Segment> sorted = source_.all_segments;
    std::erase_if(sorted, [](const Segment& segment) { return segment.file_size == 0; });
    if (sorted.empty()) return bad("no program header holds memory");
    std::sort(sorted.begin(), sorted.end(), [](const Segment& a, const Segment& b) {
      return a.phys != b.phys ? a.phys < b.phys : a.file_size > b.file_size;
    });
    PhysAddr covered;
    for (const Segment& segment : sorted) {
      const PhysAddr end = segment.phys + segment.file_size;
      const PhysAddr begin = std::max(segment.phys, covered);
      if (begin >= end) continue;
      file_.pieces.push_back({{begin, end}, segment.offset + (begin - segment.phys)});
      if (!source_.all_ram.empty() && source_.all_ram.back().end == begin)
        source_.all_ram.back().end = end;
      else
        source_.all_ram.push_back({begin, end});
      covered = end;
    }
    return {};
  }

  ElfSource& source_;
  MemoryFile& file_;
  unsigned encoding_ = ELFDATANONE;
  std::vector<NoteArea> note_areas_;
  uint64_t notes_seen_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_elf_source(Fd fd, std::string name, uint64_t file_size,
                                                bool is_memory) {
  auto source = std::make_unique<ElfSource>();
  source->file.name = std::move(name);
  source->file.fd = std::move(fd);
  source->file.size = file_size;
  source->file.is_memory = is_memory;
  KDUMP_TRY(Opener(*source).open());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace kdump
