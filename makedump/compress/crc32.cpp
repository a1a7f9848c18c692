#include "makedump/compress/crc32.h"

#include <array>
#include <cstdio>
#include <libdeflate.h>

namespace kdump {

namespace {

// A CRC is the remainder of a polynomial over GF(2); bits are mirrored: the highest bit is x^0.
constexpr uint32_t kPolynomial = 0xedb88320;
constexpr uint32_t kOne = uint32_t{1} << 31;

// a × b mod P
constexpr uint32_t times(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);  // × x
  }
  return product;
}

// x^(8 × bytes) mod P: what a remainder is multiplied by when so many bytes follow.
constexpr uint32_t shift_by(uint64_t bytes) {
  uint32_t power = kOne >> 8;  // x^8
  uint32_t result = kOne;
  for (; bytes != 0; bytes >>= 1) {
    if ((bytes & 1) != 0) result = times(result, power);
    power = times(power, power);
  }
  return result;
}

}  // namespace

uint32_t crc32(uint32_t crc, Bytes bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t length) {
  return times(shift_by(length), first) ^ second;
}

std::string crc32_text(uint32_t crc) {
  std::array<char, 16> text{};
  (void)std::snprintf(text.data(), text.size(), "%08x", crc);
  return text.data();
}

uint32_t crc32_of_zeros(uint64_t length) {
  // The register starts with all ones and is inverted at the end.
  return ~times(shift_by(length), ~uint32_t{0});
}

}  // namespace kdump
