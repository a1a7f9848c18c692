// Strong types for the numbers that are most easily mixed up: frames, addresses, file offsets.
//
// A bare uint64_t is never an address or a frame number in this project. Everything in a vmcore is
// hostile, so sums of untrusted numbers go through checked_add / checked_mul.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kdump {

template <class Tag>
struct Unit {
  uint64_t v = 0;

  constexpr Unit() = default;
  constexpr explicit Unit(uint64_t value) : v(value) {}
  // clang-tidy 14 takes the 0 that <=> is compared with for a null pointer.
  constexpr auto operator<=>(const Unit&) const = default;  // NOLINT(modernize-use-nullptr)
  constexpr Unit operator+(uint64_t n) const { return Unit(v + n); }
  constexpr Unit operator-(uint64_t n) const { return Unit(v - n); }
  constexpr uint64_t operator-(Unit other) const { return v - other.v; }
  constexpr Unit& operator+=(uint64_t n) {
    v += n;
    return *this;
  }
  constexpr Unit& operator++() {
    ++v;
    return *this;
  }
};

using Pfn = Unit<struct PfnTag>;                // page frame number
using PhysAddr = Unit<struct PhysAddrTag>;      // physical address of the dead kernel, bytes
using VirtAddr = Unit<struct VirtAddrTag>;      // virtual address of the dead kernel, bytes
using FileOffset = Unit<struct FileOffsetTag>;  // byte offset in an input or output file

template <class U>
struct Range {  // half-open
  U begin, end;
  [[nodiscard]] constexpr uint64_t size() const { return end - begin; }
  [[nodiscard]] constexpr bool empty() const { return begin >= end; }
  [[nodiscard]] constexpr bool contains(U x) const { return begin <= x && x < end; }
  constexpr bool operator==(const Range&) const = default;
};

using PfnRange = Range<Pfn>;
using PhysRange = Range<PhysAddr>;

// The dead kernel's page size; a power of two, 4 KiB … 256 KiB.
struct PageSize {
  unsigned shift = 12;
  [[nodiscard]] constexpr uint64_t bytes() const { return uint64_t{1} << shift; }
  [[nodiscard]] constexpr uint64_t mask() const { return bytes() - 1; }
  [[nodiscard]] constexpr Pfn pfn(PhysAddr a) const { return Pfn(a.v >> shift); }
  [[nodiscard]] constexpr PhysAddr addr(Pfn p) const { return PhysAddr(p.v << shift); }
};

[[nodiscard]] constexpr std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

[[nodiscard]] constexpr std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

[[nodiscard]] constexpr uint64_t div_round_up(uint64_t a, uint64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

// align must be a power of two; overflow wraps, so check the input first.
[[nodiscard]] constexpr uint64_t align_down(uint64_t a, uint64_t align) {
  return a & ~(align - 1);
}
[[nodiscard]] constexpr uint64_t align_up(uint64_t a, uint64_t align) {
  return align_down(a + align - 1, align);
}

// "0x1f000", for messages.
[[nodiscard]] std::string hex(uint64_t value);
template <class Tag>
[[nodiscard]] std::string hex(Unit<Tag> value) {
  return hex(value.v);
}

// "12.3 MiB", for people.
[[nodiscard]] std::string human_bytes(uint64_t bytes);

}  // namespace kdump
