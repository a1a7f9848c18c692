#include "makedump/memory/address_space.h"

#include <algorithm>

namespace kdump {

namespace {

constexpr size_t kMaxViewBytes = size_t{64} << 10;  // the contract of PageReader::view
constexpr uint64_t kSmallestPage = 4096;

}  // namespace

Result<Arch::Mapping> AddressSpace::translate(VirtAddr addr) {
  const uint64_t into = addr.v - cached_begin_.v;  // wraps to a large number below the leaf
  if (into < cached_bytes_) return Arch::Mapping{cached_phys_ + into, cached_bytes_ - into};
  KDUMP_TRY_ASSIGN(const Arch::Mapping mapping, arch_->translate(addr, *reader_));
  cached_begin_ = addr;
  cached_phys_ = mapping.phys;
  cached_bytes_ = mapping.bytes;
  return mapping;
}

Result<void> AddressSpace::read(VirtAddr addr, MutBytes into) {
  size_t done = 0;
  while (done < into.size()) {
    KDUMP_TRY_ASSIGN(const Arch::Mapping mapping, translate(addr + done));
    const auto part = static_cast<size_t>(std::min<uint64_t>(mapping.bytes, into.size() - done));
    if (auto read = reader_->read(mapping.phys, into.subspan(done, part)); !read)
      return std::move(read).error().context("virtual address " + hex(addr + done));
    done += part;
  }
  return {};
}

Result<Bytes> AddressSpace::view(VirtAddr addr, size_t wanted) {
  KDUMP_TRY_ASSIGN(const Arch::Mapping mapping, translate(addr));
  const auto size =
      static_cast<size_t>(std::min<uint64_t>({wanted, mapping.bytes, uint64_t{kMaxViewBytes}}));
  auto bytes = reader_->view(mapping.phys, size);
  if (bytes) return bytes;
  // Something within the range can't be read; what is before the next page may.
  const auto to_page_end = static_cast<size_t>(kSmallestPage - addr.v % kSmallestPage);
  if (to_page_end < size) bytes = reader_->view(mapping.phys, to_page_end);
  if (!bytes) return std::move(bytes).error().context("virtual address " + hex(addr));
  return bytes;
}

}  // namespace kdump
