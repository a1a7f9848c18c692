#include "makedump/sink/checksum_sink.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "makedump/compress/crc32.h"

namespace kdump {
namespace {

class MemorySink final : public Sink {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  Result<void> write_at(FileOffset at, Bytes bytes) override {
    if (full) return Error(Errc::no_space, "full");
    content.resize(std::max(content.size(), at.v + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<ptrdiff_t>(at.v));
    return {};
  }
  Result<void> extend_to(uint64_t bytes) override {
    content.resize(std::max(content.size(), bytes));
    return {};
  }
  Result<void> commit() override { return {}; }
  void discard() override {}

  std::vector<std::byte> content;
  bool full = false;

 private:
  std::string name_ = "memory";
};

class ChecksumSinkTest : public testing::Test {
 protected:
  void write(uint64_t at, std::string_view text) {
    ASSERT_TRUE(sink.write_at(FileOffset(at), as_bytes(text)));
  }
  void expect_right() const {
    ASSERT_TRUE(sink.crc32());
    EXPECT_EQ(*sink.crc32(), crc32(0, memory.content));
    EXPECT_EQ(sink.size(), memory.content.size());
  }

  MemorySink memory;
  ChecksumSink sink{memory};
};

TEST_F(ChecksumSinkTest, NothingIsTheSumOfNothing) {
  expect_right();
}

TEST_F(ChecksumSinkTest, AsADumpIsWritten) {
  write(8, "sub-header");
  write(18, "notes");
  write(0, "cut shrt");  // the header
  ASSERT_TRUE(sink.extend_to(100));
  write(40, "bitmap");
  write(100, "data");
  write(60, "descriptor");
  write(104, "more data");
  write(70, "descriptor");
  ASSERT_TRUE(sink.extend_to(500));
  expect_right();
  write(0, "complete");  // the header again
  expect_right();
}

TEST_F(ChecksumSinkTest, AnyOrderOfPieces) {
  std::minstd_rand random(11);
  for (int round = 0; round < 50; ++round) {
    MemorySink target;
    ChecksumSink tested(target);
    std::vector<uint64_t> places;
    for (uint64_t at = random() % 3; at < 200; at += 5 + random() % 4)
      places.push_back(at);
    std::shuffle(places.begin(), places.end(), random);
    for (const uint64_t at : places)
      ASSERT_TRUE(tested.write_at(FileOffset(at), as_bytes("12345")));
    ASSERT_EQ(tested.crc32(), crc32(0, target.content));
  }
}

// No sum is better than a wrong one.
TEST_F(ChecksumSinkTest, OverlapsAreNotGuessedAt) {
  for (const uint64_t at : {8, 9, 10, 12, 13}) {
    MemorySink target;
    ChecksumSink tested(target);
    ASSERT_TRUE(tested.write_at(FileOffset(10), as_bytes("1234")));
    ASSERT_TRUE(tested.write_at(FileOffset(at), as_bytes("abc")));
    EXPECT_FALSE(tested.crc32()) << at;
  }
}

TEST_F(ChecksumSinkTest, WhatTheTargetRefusedDoesNotCount) {
  write(0, "here");
  memory.full = true;
  EXPECT_FALSE(sink.write_at(FileOffset(4), as_bytes("not")));
  expect_right();
}

}  // namespace
}  // namespace kdump
