// Reads the memory in an ELF vmcore: through mmap windows, or by pread where the system maps
// nothing.
//
// /proc/vmcore is memory: mmap costs it page-table entries only, while read() maps, copies and
// unmaps every single page. For an ordinary file it saves a copy, which is a seventh of the time
// for whole memories. But a mapped file that is truncated, or sits on a failing disk, raises
// SIGBUS: so it is guarded, each page is touched before anybody is given it, and pread tells why
// one cannot be read.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/source/mapping_guard.h"
#include "makedump/source/source.h"

namespace kdump {

// Physically contiguous memory that is contiguous in the file, too.
struct MemoryPiece {
  PhysRange phys;
  FileOffset offset;
};

// What all readers of a vmcore share. Immutable once opened.
struct MemoryFile {
  std::string name;  // for messages
  Fd fd;
  uint64_t size = 0;                // bytes, when it was opened; every piece ends at or before it
  bool is_memory = false;           // /proc/vmcore: map it, and touch no page that nobody asked for
  std::vector<MemoryPiece> pieces;  // sorted by physical address, disjoint
};

class ElfReader final : public PageReader {
 public:
  // The largest size of a view: the largest page size that there is.
  static constexpr size_t kMaxView = size_t{256} << 10;

  // `file` is not owned and must outlive this.
  ElfReader(const MemoryFile& file, size_t window);
  ElfReader(const ElfReader&) = delete;
  ElfReader& operator=(const ElfReader&) = delete;
  ~ElfReader() override;

  Result<Bytes> view(PhysAddr addr, size_t size) override;
  Result<Bytes> view_frame(PhysAddr addr, size_t size) override;

 private:
  // The page that a small read is in. Walks of page tables come back to the same few pages; served
  // from here, they leave the window where the large reads want it.
  struct SmallPage {
    uint64_t file_page = UINT64_MAX;  // number of the page within the file
    size_t bytes = 0;                 // less than a page only at the end of the file
    std::unique_ptr<std::byte[]> data;
  };
  static constexpr size_t kSmallPageBytes = 4096;
  static constexpr size_t kSmallPages = 16;

  [[nodiscard]] bool in_window(PhysAddr addr, size_t size) const {
    const uint64_t into = addr.v - window_phys_.v;  // wraps to a large number below the window
    return into < window_bytes_ && size <= window_bytes_ - into;
  }
  [[nodiscard]] Bytes from_window(PhysAddr addr, size_t size) const {
    return {window_data_ + (addr - window_phys_), size};
  }
  // Touches each page of a window. If one could not be read, nothing is mapped any more.
  [[nodiscard]] bool can_be_read(Bytes bytes);
  const MemoryPiece* find_piece(PhysAddr addr);
  Result<Bytes> view_elsewhere(PhysAddr addr, size_t size);
  Result<Bytes> view_window(const MemoryPiece& piece, PhysAddr addr, size_t size);
  Result<Bytes> view_small(FileOffset at, size_t size);
  Result<Bytes> view_pieced(PhysAddr addr, size_t size, bool holes_are_zero);
  bool map_window(const MemoryPiece& piece, PhysAddr addr, size_t size);
  Result<void> fill_window(const MemoryPiece& piece, PhysAddr addr, size_t size);
  Result<void> read_exactly(MutBytes into, FileOffset at);
  void drop_window();
  [[nodiscard]] Error not_there(PhysAddr addr) const;

  const MemoryFile& file_;
  size_t window_size_;
  bool by_mmap_;
  std::optional<MappingGuard> guard_;  // of an ordinary file's mapping

  // What the window shows now.
  PhysAddr window_phys_;
  const std::byte* window_data_ = nullptr;
  size_t window_bytes_ = 0;

  void* mapped_ = nullptr;  // of mmap
  size_t mapped_bytes_ = 0;
  std::vector<std::byte> buffer_;             // of pread
  uint64_t filled_from_ = 0, filled_to_ = 0;  // file offsets of the last fill
  size_t read_ahead_ = 0;

  std::vector<std::byte> bounce_;  // for what no window can show in one piece
  std::array<SmallPage, kSmallPages> small_pages_;
  size_t last_small_ = 0, next_small_ = 0;
  size_t last_piece_ = 0;
};

}  // namespace kdump
