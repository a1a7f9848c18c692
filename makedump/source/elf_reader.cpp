#include "makedump/source/elf_reader.h"

#include <algorithm>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kdump {

namespace {

// Reads of up to this size are looked-up words and records, not the streaming of pages.
constexpr size_t kSmallRead = 1024;
// Of pread: the first fill after a jump, and the most that a sequential reader gets ahead (stays in
// the L2 cache of a core).
constexpr size_t kFirstFill = size_t{32} << 10;
constexpr size_t kLargestFill = size_t{512} << 10;
constexpr size_t kSmallestWindow = 2 * ElfReader::kMaxView;
constexpr size_t kLargestWindow = size_t{1} << 30;
constexpr size_t kLargestFileWindow = size_t{4} << 20;

size_t host_page_size() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

FileOffset file_offset(const MemoryPiece& piece, PhysAddr addr) {
  return piece.offset + (addr - piece.phys.begin);
}

}  // namespace

ElfReader::ElfReader(const MemoryFile& file, size_t window)
    : file_(file),
      window_size_(align_up(std::clamp(window, kSmallestWindow, kLargestWindow), host_page_size())),
      by_mmap_(true) {
  if (file.is_memory) return;
  // Pages of a file count as memory of ours while they are mapped.
  window_size_ = std::min(window_size_, kLargestFileWindow);
  guard_.emplace();
  by_mmap_ = guard_->is_usable();
}

ElfReader::~ElfReader() {
  drop_window();
}

Result<Bytes> ElfReader::view(PhysAddr addr, size_t size) {
  if (in_window(addr, size) && can_be_read(from_window(addr, size))) [[likely]]
    return from_window(addr, size);
  return view_elsewhere(addr, size);
}

Result<Bytes> ElfReader::view_frame(PhysAddr addr, size_t size) {
  if (in_window(addr, size) && can_be_read(from_window(addr, size))) [[likely]]
    return from_window(addr, size);
  if (size > kMaxView) return Error(Errc::internal, "frame of " + hex(size) + " bytes");
  const MemoryPiece* piece = find_piece(addr);
  if (piece != nullptr && piece->phys.end - addr >= size) return view_window(*piece, addr, size);
  return view_pieced(addr, size, true);
}

Result<Bytes> ElfReader::view_elsewhere(PhysAddr addr, size_t size) {
  if (size == 0) return Bytes{};
  if (size > kMaxView) return Error(Errc::internal, "view of " + hex(size) + " bytes");
  const MemoryPiece* piece = find_piece(addr);
  if (piece == nullptr) return not_there(addr);
  if (piece->phys.end - addr < size) return view_pieced(addr, size, false);
  if (size <= kSmallRead) return view_small(file_offset(*piece, addr), size);
  return view_window(*piece, addr, size);
}

bool ElfReader::can_be_read(Bytes bytes) {
  if (!guard_ || mapped_ == nullptr || bytes.empty()) return true;
  const std::byte* const last = &bytes.back();
  for (const std::byte* at = bytes.data(); at < last; at += host_page_size())
    (void)*static_cast<const volatile std::byte*>(at);
  (void)*static_cast<const volatile std::byte*>(last);
  if (!guard_->broken()) return true;
  by_mmap_ = false;
  drop_window();
  return false;
}

// The piece that holds `addr`, or nullptr.
const MemoryPiece* ElfReader::find_piece(PhysAddr addr) {
  const auto& pieces = file_.pieces;
  if (last_piece_ < pieces.size() && pieces[last_piece_].phys.contains(addr))
    return &pieces[last_piece_];
  const auto behind =
      std::upper_bound(pieces.begin(), pieces.end(), addr,
                       [](PhysAddr a, const MemoryPiece& piece) { return a < piece.phys.begin; });
  if (behind == pieces.begin()) return nullptr;
  const auto at = behind - 1;
  if (!at->phys.contains(addr)) return nullptr;
  last_piece_ = static_cast<size_t>(at - pieces.begin());
  return &*at;
}

// Precondition of this and the next two: `piece` holds all of [addr, addr + size).
Result<Bytes> ElfReader::view_window(const MemoryPiece& piece, PhysAddr addr, size_t size) {
  if (by_mmap_ && map_window(piece, addr, size) && can_be_read(from_window(addr, size)))
    return from_window(addr, size);
  KDUMP_TRY(fill_window(piece, addr, size));
  return from_window(addr, size);
}

// False when the system does not map this file (it says EAGAIN for memory that is no whole number
// of pages, and has no mmap at all on some architectures). That will not change, so pread takes
// over for good.
bool ElfReader::map_window(const MemoryPiece& piece, PhysAddr addr, size_t size) {
  drop_window();
  const FileOffset at = file_offset(piece, addr);
  const FileOffset map_begin(align_down(at.v, host_page_size()));
  // /proc/vmcore refuses a mapping that goes beyond its end, and no piece does.
  const uint64_t left = file_offset(piece, piece.phys.end) - map_begin;
  const auto bytes = static_cast<size_t>(std::min<uint64_t>(window_size_, left));
  const auto skip = static_cast<size_t>(at - map_begin);
  if (bytes < skip || bytes - skip < size) {  // cannot be: a window is longer than any view
    by_mmap_ = false;
    return false;
  }
  // Behind the end of a file that was cut short, its last page reads as zeros.
  struct stat status {};
  if (guard_ && (::fstat(file_.fd.get(), &status) != 0 ||
                 (S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) < file_.size))) {
    by_mmap_ = false;
    return false;
  }
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file_.fd.get(),
                              static_cast<off_t>(map_begin.v));
  if (mapped == MAP_FAILED) {
    by_mmap_ = false;
    return false;
  }
  mapped_ = mapped;
  mapped_bytes_ = bytes;
  if (guard_) guard_->watch(mapped, bytes);
  window_phys_ = addr;
  window_data_ = static_cast<const std::byte*>(mapped) + skip;
  window_bytes_ = bytes - skip;
  return true;
}

Result<void> ElfReader::fill_window(const MemoryPiece& piece, PhysAddr addr, size_t size) {
  drop_window();
  const FileOffset at = file_offset(piece, addr);
  size_t wanted = size;
  // Memory of the dead kernel is never read ahead: a page that the filter leaves out may be there
  // for its hardware error, and touching it would end the capture kernel, too.
  if (!file_.is_memory) {
    // Going forward, over small gaps too (a filter leaves pages out), is worth reading ahead.
    const bool forward = at.v > filled_from_ && at.v <= filled_to_ + read_ahead_ / 2;
    read_ahead_ = forward ? std::min(read_ahead_ * 2, kLargestFill) : kFirstFill;
    wanted = std::max(size, std::min(read_ahead_, window_size_));
    wanted = static_cast<size_t>(std::min<uint64_t>(wanted, piece.phys.end - addr));
  }
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  size_t have = 0;
  if (wanted > size) {
    // A bad block that nobody asked for is no error; the exact read below finds the one that is.
    if (const auto got = pread_some(file_.fd, MutBytes(buffer_).first(wanted), at, file_.name))
      have = *got;
  }
  if (have < size) {
    KDUMP_TRY(read_exactly(MutBytes(buffer_).first(size), at));
    have = size;
  }
  filled_from_ = at.v;
  filled_to_ = at.v + have;
  window_phys_ = addr;
  window_data_ = buffer_.data();
  window_bytes_ = have;
  return {};
}

Result<void> ElfReader::read_exactly(MutBytes into, FileOffset at) {
  KDUMP_TRY_ASSIGN(const size_t got, pread_some(file_.fd, into, at, file_.name));
  if (got == into.size()) return {};
  return Error(Errc::bad_input, file_.name + ": read at " + hex(at) + ": cut short at " +
                                    hex(at + got) + " (it ended at " + hex(file_.size) +
                                    " when it was opened)");
}

Result<Bytes> ElfReader::view_small(FileOffset at, size_t size) {
  const uint64_t file_page = at.v / kSmallPageBytes;
  const auto skip = static_cast<size_t>(at.v % kSmallPageBytes);
  if (skip + size > kSmallPageBytes) {
    bounce_.resize(std::max(bounce_.size(), size));
    KDUMP_TRY(read_exactly(MutBytes(bounce_).first(size), at));
    return Bytes(bounce_).first(size);
  }
  size_t found = last_small_;
  if (small_pages_[found].file_page != file_page) {
    found = 0;
    while (found < kSmallPages && small_pages_[found].file_page != file_page)
      ++found;
  }
  if (found == kSmallPages) {
    found = next_small_;
    next_small_ = (next_small_ + 1) % kSmallPages;
    SmallPage& page = small_pages_[found];
    page.file_page = UINT64_MAX;
    if (!page.data) page.data = std::make_unique<std::byte[]>(kSmallPageBytes);
    const FileOffset begin(file_page * kSmallPageBytes);
    const auto bytes =
        static_cast<size_t>(std::min<uint64_t>(kSmallPageBytes, file_.size - begin.v));
    KDUMP_TRY(read_exactly({page.data.get(), bytes}, begin));
    page.bytes = bytes;
    page.file_page = file_page;
  }
  last_small_ = found;
  return Bytes(small_pages_[found].data.get(), small_pages_[found].bytes).subspan(skip, size);
}

// Over the border of a piece, through the bounce buffer. RAM may end and go on in mid-page.
Result<Bytes> ElfReader::view_pieced(PhysAddr addr, size_t size, bool holes_are_zero) {
  bounce_.resize(std::max(bounce_.size(), size));
  const MutBytes all = MutBytes(bounce_).first(size);
  std::fill(all.begin(), all.end(), std::byte{0});
  const PhysAddr end(checked_add(addr.v, size).value_or(UINT64_MAX));
  const auto& pieces = file_.pieces;
  auto piece = std::partition_point(pieces.begin(), pieces.end(),
                                    [&](const MemoryPiece& p) { return p.phys.end <= addr; });
  uint64_t present = 0;
  for (; piece != pieces.end() && piece->phys.begin < end; ++piece) {
    const PhysAddr from = std::max(addr, piece->phys.begin);
    const PhysAddr to = std::min(end, piece->phys.end);
    KDUMP_TRY(read_exactly(all.subspan(from - addr, to - from), file_offset(*piece, from)));
    present += to - from;
  }
  if (present == 0 || (present < size && !holes_are_zero)) return not_there(addr);
  return Bytes(all);
}

void ElfReader::drop_window() {
  if (mapped_ != nullptr && guard_) guard_->forget();
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
  mapped_ = nullptr;
  mapped_bytes_ = 0;
  window_data_ = nullptr;
  window_bytes_ = 0;
}

Error ElfReader::not_there(PhysAddr addr) const {
  return {Errc::not_found, file_.name + ": no memory at physical address " + hex(addr)};
}

}  // namespace kdump
