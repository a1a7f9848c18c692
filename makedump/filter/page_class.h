// Every page frame that exists ends in exactly one class. The sum is printed last and equals the
// memory map.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kdump {

enum class PageClass : uint8_t {
  kept,  // goes into the dump with its bytes
  zero,  // all bytes zero: goes into the dump, sharing one stored page (dump_level bit 1); known
         // only when packing
  free,  // in the buddy allocator (16)
  unaccepted,     // memory that a confidential guest has not accepted yet (16; 6.16)
  cache,          // page cache without private data (2)
  cache_private,  // page cache, whatever its private data (4)
  user,           // anonymous and hugetlb pages of processes (8)
  hwpoison,       // hardware memory error: reading it could kill the capture kernel; never touched
  offline,        // ballooned or unplugged (virtio-mem): the host may not have the memory
  unreadable,     // chosen, but the input could not give its bytes; stored as excluded
};
inline constexpr size_t kPageClassCount = 10;

std::string_view page_class_name(PageClass page_class);  // "cache_private", as in the manifest

struct PageCounts {
  std::array<uint64_t, kPageClassCount> of{};
  uint64_t& operator[](PageClass c) { return of[static_cast<size_t>(c)]; }
  uint64_t operator[](PageClass c) const { return of[static_cast<size_t>(c)]; }
  [[nodiscard]] uint64_t total() const {
    uint64_t sum = 0;
    for (const uint64_t n : of)
      sum += n;
    return sum;
  }
};

}  // namespace kdump
