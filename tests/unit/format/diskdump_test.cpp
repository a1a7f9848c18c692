// Offsets are those of the structures in makedumpfile's diskdump_mod.h and of crash's readers.
#include "makedump/format/diskdump.h"

#include <gtest/gtest.h>
#include <vector>

namespace kdump {
namespace {

std::vector<std::byte> garbage(size_t size) {
  return std::vector<std::byte>(size, std::byte{0xa5});
}

// All bytes outside of `known` are zero.
void expect_zero_but(Bytes bytes, const std::vector<std::pair<size_t, size_t>>& known) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    bool is_known = false;
    for (const auto& [begin, size] : known)
      is_known = is_known || (i >= begin && i < begin + size);
    if (is_known) continue;
    ASSERT_EQ(bytes[i], std::byte{0}) << "at " << i;
  }
}

KdumpHeader sample_header() {
  KdumpHeader header;
  header.utsname = {"Linux", "host", "6.1.0-13-amd64", "#1 SMP Debian", "x86_64", "(none)"};
  header.time_sec = 0x0102030405060708;
  header.status = 0x2a;
  header.block_size = 4096;
  header.sub_hdr_size = 3;
  header.bitmap_blocks = 0x11223344;
  header.max_mapnr = 0x55667788;
  header.nr_cpus = 0x99aabbcc;
  return header;
}

class DiskdumpOrder : public testing::TestWithParam<ByteOrder> {};

TEST_P(DiskdumpOrder, HeaderFieldsAreInTheirPlaces) {
  const ByteOrder order = GetParam();
  auto block = garbage(4096);
  encode(sample_header(), order, block);
  const std::byte* at = block.data();

  EXPECT_EQ(as_text(Bytes(block).first(8)), "KDUMP   ");
  EXPECT_EQ(load<uint32_t>(at + 8, order), 6U);
  const char* fields[] = {"Linux", "host", "6.1.0-13-amd64", "#1 SMP Debian", "x86_64", "(none)"};
  for (size_t i = 0; i < 6; ++i)
    EXPECT_STREQ(reinterpret_cast<const char*>(at + 12 + 65 * i), fields[i]);
  EXPECT_EQ(load<uint64_t>(at + 408, order), 0x0102030405060708U);
  EXPECT_EQ(load<uint32_t>(at + 424, order), 0x2aU);
  EXPECT_EQ(load<uint32_t>(at + 428, order), 4096U);
  EXPECT_EQ(load<uint32_t>(at + 432, order), 3U);
  EXPECT_EQ(load<uint32_t>(at + 436, order), 0x11223344U);
  EXPECT_EQ(load<uint32_t>(at + 440, order), 0x55667788U);
  EXPECT_EQ(load<uint32_t>(at + 460, order), 0x99aabbccU);
  expect_zero_but(block, {{0, 12}, {12, 390}, {408, 8}, {424, 20}, {460, 4}});
}

TEST_P(DiskdumpOrder, SubHeaderFieldsAreInTheirPlaces) {
  const ByteOrder order = GetParam();
  KdumpSubHeader header;
  header.phys_base = 0x1111111111111111;
  header.dump_level = 31;
  header.offset_vmcoreinfo = 0x2222222222222222;
  header.size_vmcoreinfo = 0x3333333333333333;
  header.offset_note = 0x4444444444444444;
  header.size_note = 0x5555555555555555;
  header.max_mapnr = 0x6666666666666666;
  auto block = garbage(128);
  encode(header, order, block);
  const std::byte* at = block.data();

  EXPECT_EQ(load<uint64_t>(at + 0, order), 0x1111111111111111U);
  EXPECT_EQ(load<uint32_t>(at + 8, order), 31U);
  EXPECT_EQ(load<uint64_t>(at + 32, order), 0x2222222222222222U);
  EXPECT_EQ(load<uint64_t>(at + 40, order), 0x3333333333333333U);
  EXPECT_EQ(load<uint64_t>(at + 48, order), 0x4444444444444444U);
  EXPECT_EQ(load<uint64_t>(at + 56, order), 0x5555555555555555U);
  EXPECT_EQ(load<uint64_t>(at + 96, order), 0x6666666666666666U);
  expect_zero_but(Bytes(block).first(104), {{0, 12}, {32, 32}, {96, 8}});
  // The notes follow at once: what lies behind the header is not its own.
  for (size_t i = 104; i < block.size(); ++i)
    EXPECT_EQ(block[i], std::byte{0xa5});
}

TEST_P(DiskdumpOrder, DescriptorFieldsAreInTheirPlaces) {
  const ByteOrder order = GetParam();
  auto bytes = garbage(32);
  encode(PageDescriptor{0x0102030405060708, 0x11121314, 0x20}, order, bytes.data());
  EXPECT_EQ(load<uint64_t>(bytes.data() + 0, order), 0x0102030405060708U);
  EXPECT_EQ(load<uint32_t>(bytes.data() + 8, order), 0x11121314U);
  EXPECT_EQ(load<uint32_t>(bytes.data() + 12, order), 0x20U);
  EXPECT_EQ(load<uint64_t>(bytes.data() + 16, order), 0U);
  EXPECT_EQ(bytes[24], std::byte{0xa5});
}

INSTANTIATE_TEST_SUITE_P(ByteOrders, DiskdumpOrder,
                         testing::Values(ByteOrder::little, ByteOrder::big));

TEST(Diskdump, LittleEndianBytesAreAsOnDisk) {
  auto bytes = garbage(24);
  encode(PageDescriptor{0x1122, 0x334, 2}, ByteOrder::little, bytes.data());
  const std::array<unsigned, 24> expected = {0x22, 0x11, 0, 0, 0, 0, 0, 0, 0x34, 0x03, 0, 0,
                                             2,    0,    0, 0, 0, 0, 0, 0, 0,    0,    0, 0};
  for (size_t i = 0; i < 24; ++i)
    EXPECT_EQ(std::to_integer<unsigned>(bytes[i]), expected.at(i)) << "at " << i;
}

TEST(Diskdump, LongUtsFieldsStayTerminated) {
  KdumpHeader header = sample_header();
  header.utsname.release = std::string(200, 'r');
  header.utsname.domainname = std::string(65, 'd');
  auto block = garbage(4096);
  encode(header, ByteOrder::little, block);
  const auto* text = reinterpret_cast<const char*>(block.data());
  EXPECT_EQ(std::string(text + 12 + 2 * 65), std::string(64, 'r'));
  EXPECT_STREQ(text + 12 + 3 * 65, "#1 SMP Debian");
  EXPECT_EQ(std::string(text + 12 + 5 * 65), std::string(64, 'd'));
  expect_zero_but(Bytes(block).subspan(402, 6), {});
}

TEST(Diskdump, MaxMapnrSaturatesInTheOldField) {
  KdumpHeader header = sample_header();
  header.max_mapnr = 0x100000000;
  auto block = garbage(4096);
  encode(header, ByteOrder::little, block);
  EXPECT_EQ(load<uint32_t>(block.data() + 440), 0xffffffffU);
}

TEST(Diskdump, HeaderFillsAnyBlock) {
  auto block = garbage(65536);
  KdumpHeader header = sample_header();
  header.block_size = 65536;
  encode(header, ByteOrder::little, block);
  expect_zero_but(block, {{0, KdumpHeader::kEncodedSize}});
}

}  // namespace
}  // namespace kdump
