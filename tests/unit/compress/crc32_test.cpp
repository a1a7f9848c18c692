#include "makedump/compress/crc32.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace kdump {
namespace {

std::vector<std::byte> noise(size_t size) {
  std::minstd_rand random(7);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(Crc32, IsTheOneOfZlib) {
  EXPECT_EQ(crc32(0, as_bytes("123456789")), 0xcbf43926U);  // the check value of every catalogue
  EXPECT_EQ(crc32(0, {}), 0U);
}

TEST(Crc32, GoesOnWhereItEnded) {
  EXPECT_EQ(crc32(crc32(0, as_bytes("1234")), as_bytes("56789")), 0xcbf43926U);
}

TEST(Crc32, PiecesAddUpWhereverTheyAreCut) {
  const auto all = noise(5000);
  const uint32_t expected = crc32(0, all);
  for (const size_t cut : {0, 1, 2, 255, 256, 4095, 4096, 4999, 5000}) {
    const Bytes head = Bytes(all).first(cut), tail = Bytes(all).subspan(cut);
    EXPECT_EQ(crc32_combine(crc32(0, head), crc32(0, tail), tail.size()), expected) << cut;
  }
}

TEST(Crc32, ZerosOfAnyNumber) {
  for (const size_t size : {0, 1, 7, 4096, 1000000})
    EXPECT_EQ(crc32_of_zeros(size), crc32(0, std::vector<std::byte>(size))) << size;
  // Half and half of what no memory holds.
  const uint64_t half = uint64_t{1} << 45;
  EXPECT_EQ(crc32_combine(crc32_of_zeros(half), crc32_of_zeros(half), half),
            crc32_of_zeros(2 * half));
}

}  // namespace
}  // namespace kdump
