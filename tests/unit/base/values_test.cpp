// Results, units, bytes: what every other room is built of.
#include <gtest/gtest.h>
#include <memory>

#include "makedump/base/budget.h"
#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/base/units.h"

namespace kdump {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(Errc::bad_input, std::to_string(n) + " is odd");
  return n / 2;
}

Result<int> quarter(int n) {
  KDUMP_TRY_ASSIGN(const int once, half(n));
  KDUMP_TRY_ASSIGN(const int twice, half(once));
  return twice;
}

Result<void> check_even(int n) {
  KDUMP_TRY(half(n));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(*quarter(12), 3);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::bad_input);
  EXPECT_EQ(failed.error().message(), "3 is odd");
  EXPECT_TRUE(check_even(2));
  EXPECT_FALSE(check_even(1));
}

TEST(Result, MovesWhatCannotBeCopied) {
  auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  auto owned = make();
  ASSERT_TRUE(owned);
  const std::unique_ptr<int> taken = *std::move(owned);
  EXPECT_EQ(*taken, 7);
}

TEST(Error, ChainReadsOutsideIn) {
  auto error = Error(Errc::no_space, "write at 0x10", ENOSPC).context("dump").context("saving");
  EXPECT_EQ(error.message(), "saving: dump: write at 0x10: No space left on device");
  EXPECT_EQ(error.code(), Errc::no_space);
  EXPECT_EQ(error.sys_errno(), ENOSPC);
}

TEST(Error, ErrnoTellsWhatTheCallerCanDo) {
  const std::pair<int, Errc> cases[] = {
      {ENOENT, Errc::not_found}, {EEXIST, Errc::exists},   {ENOSPC, Errc::no_space},
      {EDQUOT, Errc::no_space},  {EFBIG, Errc::no_space},  {ENOMEM, Errc::no_memory},
      {EIO, Errc::io},           {EACCES, Errc::io},       {ETIMEDOUT, Errc::timed_out},
      {ENODEV, Errc::not_found}, {ENXIO, Errc::not_found},
  };
  for (const auto& [sys_errno, code] : cases)
    EXPECT_EQ(Error::from_errno("x", sys_errno).code(), code) << sys_errno;
}

TEST(Error, EveryFailureHasAnExitStatus) {
  for (const Errc code : {Errc::usage, Errc::bad_input, Errc::unsupported, Errc::not_found,
                          Errc::exists, Errc::io, Errc::no_space, Errc::no_memory, Errc::timed_out})
    EXPECT_EQ(exit_status(code), 1);
  EXPECT_EQ(exit_status(Errc::internal), 70);
}

TEST(Units, ArithmeticIsChecked) {
  EXPECT_EQ(checked_add(1, 2), 3U);
  EXPECT_EQ(checked_add(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checked_mul(uint64_t{1} << 32, (uint64_t{1} << 32) - 1), UINT64_MAX - 0xffffffff);
  EXPECT_EQ(checked_mul(uint64_t{1} << 32, uint64_t{1} << 32), std::nullopt);
  EXPECT_EQ(div_round_up(0, 8), 0U);
  EXPECT_EQ(div_round_up(1, 8), 1U);
  EXPECT_EQ(div_round_up(8, 8), 1U);
  EXPECT_EQ(div_round_up(UINT64_MAX, 2), uint64_t{1} << 63);
  EXPECT_EQ(align_up(4097, 4096), 8192U);
  EXPECT_EQ(align_up(4096, 4096), 4096U);
  EXPECT_EQ(align_down(4097, 4096), 4096U);
}

TEST(Units, FramesAndAddresses) {
  constexpr PageSize page{12};
  EXPECT_EQ(page.bytes(), 4096U);
  EXPECT_EQ(page.pfn(PhysAddr(0x12345)), Pfn(0x12));
  EXPECT_EQ(page.addr(Pfn(0x12)), PhysAddr(0x12000));
  constexpr PfnRange range{Pfn(2), Pfn(5)};
  EXPECT_EQ(range.size(), 3U);
  EXPECT_TRUE(range.contains(Pfn(2)));
  EXPECT_FALSE(range.contains(Pfn(5)));
  EXPECT_TRUE((PfnRange{Pfn(5), Pfn(5)}.empty()));
}

TEST(Units, Words) {
  EXPECT_EQ(hex(0), "0x0");
  EXPECT_EQ(hex(UINT64_MAX), "0xffffffffffffffff");
  EXPECT_EQ(hex(PhysAddr(0x1f000)), "0x1f000");
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(uint64_t{12} * 1024 * 1024 + 300000), "12.3 MiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Bytes, LoadAndStoreBothOrders) {
  std::byte raw[8] = {};
  store<uint32_t>(raw + 1, 0x01020304, ByteOrder::big);
  EXPECT_EQ(raw[1], std::byte{1});
  EXPECT_EQ(raw[4], std::byte{4});
  EXPECT_EQ(load<uint32_t>(raw + 1, ByteOrder::big), 0x01020304U);
  EXPECT_EQ(load<uint32_t>(raw + 1, ByteOrder::little), 0x04030201U);
  store<uint16_t>(raw, 0x0102, ByteOrder::little);
  EXPECT_EQ(raw[0], std::byte{2});
  EXPECT_EQ(byte_swapped<uint8_t>(0x12), 0x12);
  EXPECT_EQ(byte_swapped<uint64_t>(0x0102030405060708), 0x0807060504030201U);
}

TEST(Bytes, LoadAtStaysInside) {
  const std::byte raw[4] = {};
  EXPECT_TRUE(load_at<uint32_t>(raw, 0));
  EXPECT_FALSE(load_at<uint32_t>(raw, 1));
  EXPECT_FALSE(load_at<uint8_t>(raw, 4));
  EXPECT_FALSE(load_at<uint32_t>(raw, UINT64_MAX));
  EXPECT_FALSE(load_at<uint64_t>(raw, 0));
  EXPECT_FALSE(load_at<uint8_t>({}, 0));
}

TEST(Budget, IsBetweenFloorAndCap) {
  const Budget budget = Budget::from_system();
  EXPECT_GE(budget.bytes, uint64_t{4} << 20);
  EXPECT_LE(budget.bytes, uint64_t{256} << 20);
  EXPECT_GE(budget.cpus, 1U);
  EXPECT_GT(peak_memory_kib(), 0U);
}

}  // namespace
}  // namespace kdump
