#include "makedump/sink/unflatten.h"

#include <algorithm>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;

std::string big_endian(uint64_t value) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xff);
  return text;
}

std::string header(uint64_t type = 1, uint64_t version = 1) {
  std::string text = "makedumpfile";
  text.resize(16);
  text += big_endian(type) + big_endian(version);
  text.resize(4096);
  return text;
}

std::string piece(uint64_t offset, const std::string& bytes) {
  return big_endian(offset) + big_endian(bytes.size()) + bytes;
}

const std::string kEnd = big_endian(~uint64_t{0}) + big_endian(~uint64_t{0});

class Unflatten : public testing::Test {
 protected:
  // "" or the error.
  std::string make(const std::string& stream) {
    const std::string in = directory.path() + "/stream", out = directory.path() + "/vmcore";
    directory.write("stream", stream);
    auto fd = open_file(in, O_RDONLY);
    auto sink = open_file_sink(out, {.overwrite = true});
    if (!fd || !sink) return "no files";
    const auto done = unflatten(*fd, "stream", **sink);
    if (!done) {
      code = done.error().code();
      return done.error().message();
    }
    EXPECT_TRUE((*sink)->commit());
    result = *read_text_file(out, size_t{8} << 20);
    start = std::string(as_text(done->start));
    return "";
  }

  TempDir directory;
  std::string result, start;
  Errc code = Errc::internal;
};

TEST_F(Unflatten, PiecesGoWhereTheyBelong) {
  EXPECT_EQ(make(header() + piece(12, "tail") + piece(0, "KDUMP   head") + kEnd + "old dump"), "");
  EXPECT_EQ(result, "KDUMP   headtail");
  EXPECT_EQ(start, result);
}

TEST_F(Unflatten, TheLastWriterOfAPlaceWins) {
  EXPECT_EQ(make(header() + piece(0, "xxxxx   body") + piece(0, "KDUMP   ") + kEnd), "");
  EXPECT_EQ(result, "KDUMP   body");
}

TEST_F(Unflatten, PiecesMayBeLongAndFarApart) {
  const std::string big(size_t{3} << 20, 'b');
  EXPECT_EQ(make(header() + piece(0, "\177ELF") + piece(1 << 20, big) + kEnd), "");
  EXPECT_EQ(result.size(), (size_t{1} << 20) + big.size());
  EXPECT_EQ(result.substr(1 << 20), big);
  EXPECT_EQ(start.size(), 4U);
}

TEST_F(Unflatten, WhatIsNoFlattenedDumpIsToldApart) {
  std::string damaged = header();
  damaged[3] = 'X';
  for (const std::string& stream :
       {std::string(), std::string(4096, '\0'), std::string("makedumpfile"), damaged, header(2),
        header(1, 9)}) {
    EXPECT_EQ(make(stream), "stream: holds no flattened dump");
    EXPECT_EQ(code, Errc::not_found);
  }
}

TEST_F(Unflatten, EveryCutIsTold) {
  const std::string stream = header() + piece(0, "KDUMP   ") + piece(9, "abc") + kEnd;
  for (size_t length = 4096; length < stream.size(); ++length) {
    EXPECT_THAT(make(stream.substr(0, length)), HasSubstr("cut short")) << length;
    EXPECT_EQ(code, Errc::bad_input);
  }
}

TEST_F(Unflatten, NonsenseNumbersAreRefused) {
  const auto refused = [this](uint64_t offset, uint64_t size) {
    EXPECT_THAT(make(header() + big_endian(offset) + big_endian(size) + "x"),
                HasSubstr("is no part of a dump"))
        << offset << " " << size;
  };
  refused(0, 0);
  refused(~uint64_t{0}, 1);
  refused(1, ~uint64_t{0});
  refused(uint64_t{1} << 46, 1);
  refused(0, uint64_t{1} << 63);
}

TEST_F(Unflatten, SomethingElseThanADumpIsRefused) {
  EXPECT_THAT(make(header() + piece(0, "#!/bin/sh") + kEnd), HasSubstr("is no dump"));
  EXPECT_THAT(make(header() + kEnd), HasSubstr("is no dump"));
  EXPECT_THAT(make(header() + piece(1, "KDUMP   ") + kEnd), HasSubstr("is no dump"));
}

}  // namespace
}  // namespace kdump
