// The dead kernel's virtual memory: translate and read. One per thread, for it owns a reader and a
// cache.
#pragma once

#include <memory>

#include "makedump/arch/arch.h"

namespace kdump {

class AddressSpace {
 public:
  // Neither pointer is owned; both must outlive this.
  AddressSpace(const Arch& arch, PageReader& reader, ByteOrder order)
      : arch_(&arch), reader_(&reader), order_(order) {}

  [[nodiscard]] ByteOrder byte_order() const { return order_; }
  [[nodiscard]] const Arch& arch() const { return *arch_; }

  Result<Arch::Mapping> translate(VirtAddr addr);
  // Any size, over page borders. The error names the virtual address.
  Result<void> read(VirtAddr addr, MutBytes into);
  // Contiguous bytes at `addr`, zero-copy; at most `wanted`, at least one, as far as one mapping
  // and one window reach. Valid until the next call.
  Result<Bytes> view(VirtAddr addr, size_t wanted);
  // An unsigned integer in the dead kernel's byte order.
  template <class T>
  Result<T> read_value(VirtAddr addr) {
    std::byte raw[sizeof(T)];
    KDUMP_TRY(read(addr, raw));
    return load<T>(raw, order_);
  }

 private:
  const Arch* arch_;
  PageReader* reader_;
  ByteOrder order_;
  // The last leaf: the page array and the log are read front to back.
  VirtAddr cached_begin_;
  PhysAddr cached_phys_;
  uint64_t cached_bytes_ = 0;
};

}  // namespace kdump
