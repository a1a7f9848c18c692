#include "makedump/sink/sftp_packet.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kdump {
namespace {

using namespace std::string_literals;

TEST(SftpPacket, IsWrittenAsTheDraftHasIt) {
  SftpBody body;
  body.text("h\0x"s).u64(0x0102030405060708).u32(9);
  EXPECT_EQ(body.bytes(), "\0\0\0\3h\0x\1\2\3\4\5\6\7\10\0\0\0\11"s);
  EXPECT_EQ(sftp_head(SftpType::write, 0x01020304, 19), "\0\0\0\30\6\1\2\3\4"s);
  EXPECT_EQ(SftpBody().mode(0600).bytes(), "\0\0\0\4\0\0\1\200"s);
}

TEST(SftpPacket, AttributesOfEveryKind) {
  SftpBody body;
  body.u32(0x8000000f)
      .u64(5)
      .u32(1)
      .u32(2)
      .u32(S_IFREG | 0600)
      .u32(3)
      .u32(4)
      .u32(1)
      .text("a")
      .text("b");
  body.u32(77);
  SftpReader reader(as_bytes(body.bytes()));
  const SftpStat stat = read_attributes(reader);
  EXPECT_EQ(stat.size, 5U);
  EXPECT_EQ(stat.mode, S_IFREG | 0600U);
  EXPECT_EQ(stat.mtime, 4U);
  EXPECT_EQ(reader.u32(), 77U);
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.is_bad());
}

// A server may send anything.
TEST(SftpPacket, WhatIsCutShortOrLiesIsBad) {
  for (const std::string& text : {""s, "\0\0"s, "\0\0\0\5abc"s, "\xff\xff\xff\xff"s}) {
    SftpReader reader(as_bytes(text));
    EXPECT_EQ(reader.text(), "");
    EXPECT_TRUE(reader.is_bad());
    EXPECT_EQ(reader.u64(), 0U);
    EXPECT_EQ(reader.text(), "");
  }
  const std::string extensions = "\x80\0\0\0\xff\xff\xff\xff"s;  // four thousand million of them
  SftpReader many(as_bytes(extensions));
  (void)read_attributes(many);
  EXPECT_TRUE(many.is_bad());
}

}  // namespace
}  // namespace kdump
