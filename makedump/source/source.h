// Stage 1: where the dead kernel's memory is read from. Bytes by physical address, or a hole.
//
// One implementation an input format: ELF (/proc/vmcore through mmap windows, or a file); later
// kdump-compressed and flattened. A Source is immutable once opened and may be shared by threads;
// each thread makes its own PageReader.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"

namespace kdump {

// A stretch of memory as the input describes it (an ELF PT_LOAD), in the input's order. May overlap
// others: the first one of a vmcore is the kernel's text, which is RAM that is listed again.
struct Segment {
  VirtAddr virt;
  PhysAddr phys;
  uint64_t mem_size = 0;  // bytes; no overflow of virt, phys or offset when added (checked at open)
  uint64_t file_size = 0;  // ≤ mem_size; what lies behind it is absent from the input
  FileOffset offset;
};

// Not thread-safe. Made by Source::make_reader, must not outlive it.
class PageReader {
 public:
  virtual ~PageReader() = default;

  // `size` bytes at `addr`, zero-copy where the window allows it. What view() returned is valid
  // until the next call. size ≤ 64 KiB. not_found when the range, or a part of it, is in no
  // segment; bad_input when the input is cut short there; io when the system cannot read it. The
  // message names file and offset.
  virtual Result<Bytes> view(PhysAddr addr, size_t size) = 0;

  // The frame of `size` bytes at `addr`, as a dump has to store it: what the input lacks of it
  // reads as zeros (RAM need not begin or end at a page border). not_found only when no byte of it
  // is there.
  virtual Result<Bytes> view_frame(PhysAddr addr, size_t size) = 0;

  // As view(), but copies, and any size.
  Result<void> read(PhysAddr addr, MutBytes into);
};

class Source {
 public:
  virtual ~Source() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;  // path, for messages
  [[nodiscard]] virtual uint16_t machine() const = 0;         // EM_X86_64, …
  [[nodiscard]] virtual ByteOrder byte_order() const = 0;
  [[nodiscard]] virtual const std::vector<Segment>& segments() const = 0;
  // The RAM that the input has bytes for: sorted, disjoint, never empty.
  [[nodiscard]] virtual const std::vector<PhysRange>& ram() const = 0;
  // All ELF notes, as they stand in the input (4-byte padded entries), and where they begin in it.
  [[nodiscard]] virtual Bytes notes() const = 0;
  [[nodiscard]] virtual FileOffset notes_offset() const = 0;

  // window: how much address space the reader may map at a time, bytes; rounded to what the system
  // can do.
  [[nodiscard]] virtual Result<std::unique_ptr<PageReader>> make_reader(size_t window) const = 0;
};

// Finds out what `path` is and opens it. bad_input (file and offset in the message) for what is no
// vmcore.
Result<std::unique_ptr<Source>> open_source(const std::string& path);

}  // namespace kdump
