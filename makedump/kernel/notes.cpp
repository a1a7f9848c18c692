#include "makedump/kernel/notes.h"

#include <algorithm>
#include <elf.h>

namespace kdump {

namespace {

constexpr size_t kHeaderBytes = 12;  // n_namesz, n_descsz, n_type
constexpr size_t kMaxNotes = size_t{1}
                             << 16;  // a CPU has one or a few; Linux has at most 8192 CPUs

}  // namespace

std::vector<Note> read_notes(Bytes area, ByteOrder order) {
  std::vector<Note> notes;
  uint64_t at = 0;
  while (notes.size() < kMaxNotes && area.size() - at >= kHeaderBytes) {
    const std::byte* const header = area.data() + at;
    const uint64_t name_size = load<uint32_t>(header, order);
    const uint64_t desc_size = load<uint32_t>(header + 4, order);
    if (name_size == 0) break;  // the zero fill of the last page
    const uint64_t name_at = at + kHeaderBytes;
    const uint64_t desc_at = name_at + align_up(name_size, 4);  // 32-bit sizes: no overflow
    if (desc_at > area.size() || area.size() - desc_at < desc_size) break;
    Note note;
    note.name = as_text(area.subspan(name_at, name_size));
    note.name = note.name.substr(0, note.name.find('\0'));
    note.type = load<uint32_t>(header + 8, order);
    note.desc = area.subspan(desc_at, desc_size);
    note.desc_offset = desc_at;
    notes.push_back(note);
    // The padding of the very last note may be missing.
    at = std::min<uint64_t>(desc_at + align_up(desc_size, 4), area.size());
  }
  return notes;
}

Result<VmcoreInfo> find_vmcoreinfo(const Source& source) {
  const auto notes = read_notes(source.notes(), source.byte_order());
  // Xen's hypervisor has a note of its own, "VMCOREINFO_XEN": the names are compared whole.
  const auto found = std::find_if(notes.begin(), notes.end(),
                                  [](const Note& note) { return note.name == "VMCOREINFO"; });
  if (found == notes.end())
    return Error(Errc::bad_input, source.name() + ": no VMCOREINFO among the " +
                                      std::to_string(notes.size()) + " notes at " +
                                      hex(source.notes_offset()));
  return VmcoreInfo::parse(
      as_text(found->desc),
      source.name() + ": VMCOREINFO at " + hex(source.notes_offset() + found->desc_offset));
}

unsigned count_cpus(const std::vector<Note>& notes) {
  return static_cast<unsigned>(std::count_if(notes.begin(), notes.end(), [](const Note& note) {
    return note.type == NT_PRSTATUS && note.name == "CORE";
  }));
}

}  // namespace kdump
