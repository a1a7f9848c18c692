#include "initramfs/plan/raw_format.h"

#include <functional>
#include <gtest/gtest.h>

#include "makedump/compress/crc32.h"

namespace kdump {
namespace {

using Block = std::array<std::byte, RawHeader::kEncodedSize>;

constexpr uint64_t kDevice = uint64_t{64} << 20;

RawHeader some_header() {
  RawHeader header;
  header.sequence = 7;
  header.device_bytes = kDevice;
  header.dump_at = kRawFilesAt + (8 << 20);
  header.dump_bytes = 12345;
  header.dump = RawDump::incomplete;
  header.id = "127.0.0.1-2026-11-23-21:27:35";
  header.files = {{"vmcore-dmesg.txt", kRawFilesAt, 5000, 17}, {"vmcore.json", 16384, 1, 18}};
  return header;
}

Block encoded(const RawHeader& header) {
  const auto block = encode(header);
  EXPECT_TRUE(block);
  return *block;
}

TEST(RawFormat, ComesBackAsItWas) {
  const RawHeader header = some_header();
  const auto decoded = decode_raw_header(encoded(header), kDevice);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, header);
}

TEST(RawFormat, NoHeaderIsNotADamagedOne) {
  for (const size_t size : {size_t{0}, size_t{10}, RawHeader::kEncodedSize}) {
    const auto decoded = decode_raw_header(std::vector<std::byte>(size), kDevice);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code(), Errc::not_found);
  }
}

TEST(RawFormat, EveryDamagedByteIsNoticed) {
  const Block good = encoded(some_header());
  for (size_t at = 0; at < good.size(); ++at) {
    Block bad = good;
    bad[at] ^= std::byte{1};
    EXPECT_FALSE(decode_raw_header(bad, kDevice)) << at;
  }
}

// Whoever can write to the device can compute a checksum, too.
TEST(RawFormat, HostileNumbersAreRefused) {
  const std::function<void(RawHeader&)> kChanges[] = {
      [](RawHeader& h) { h.dump_at = 0; },
      [](RawHeader& h) { h.dump_at = kRawFilesAt + 1; },
      [](RawHeader& h) { h.dump_at = kDevice + kRawBlock; },
      [](RawHeader& h) { h.dump_bytes = kDevice - h.dump_at + 1; },
      [](RawHeader& h) { h.dump_bytes = ~uint64_t{0}; },
      [](RawHeader& h) { h.dump = static_cast<RawDump>(3); },
      [](RawHeader& h) { h.id = ""; },
      [](RawHeader& h) { h.id = "../../etc"; },
      [](RawHeader& h) { h.id = ".hidden"; },
      [](RawHeader& h) { h.id = "a\nb"; },
      [](RawHeader& h) { h.files[0].name = "/etc/passwd"; },
      [](RawHeader& h) { h.files[0].name = ".."; },
      [](RawHeader& h) { h.files[0].name = ""; },
      [](RawHeader& h) { h.files[1].name = h.files[0].name; },
      [](RawHeader& h) { h.files[0].offset = 0; },
      [](RawHeader& h) { h.files[0].offset += 1; },
      [](RawHeader& h) { h.files[0].offset = ~uint64_t{0} / kRawBlock * kRawBlock; },
      [](RawHeader& h) { h.files[0].size = h.dump_at; },
      [](RawHeader& h) { h.files[0].size = ~uint64_t{0}; },
  };
  int number = 0;
  for (const auto& change : kChanges) {
    SCOPED_TRACE(number++);
    RawHeader header = some_header();
    change(header);
    const auto decoded = decode_raw_header(encoded(header), kDevice);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code(), Errc::bad_input);
  }
  EXPECT_FALSE(decode_raw_header(encoded(some_header()), 4 << 20)) << "a smaller device";

  // More files than there are entries for.
  Block block = encoded(some_header());
  store(block.data() + 48, uint32_t{RawHeader::kMostFiles + 1});
  store(block.data() + RawHeader::kChecksumAt,
        crc32(0, Bytes(block).first(RawHeader::kChecksumAt)));
  EXPECT_FALSE(decode_raw_header(block, kDevice));
}

TEST(RawFormat, WhatDoesNotFitIsAnError) {
  RawHeader header = some_header();
  header.files.resize(RawHeader::kMostFiles + 1);
  EXPECT_FALSE(encode(header));
  header = some_header();
  header.id.assign(RawHeader::kIdSize, 'x');
  EXPECT_FALSE(encode(header));
  header = some_header();
  header.files[0].name.assign(RawFile::kNameSize, 'x');
  EXPECT_FALSE(encode(header));
}

}  // namespace
}  // namespace kdump
