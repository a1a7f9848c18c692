#include "makedump/sink/flattened_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kdump {
namespace {

using testing::HasSubstr;

std::string piece(uint64_t offset, const std::string& bytes) {
  return std::string(as_text(FlattenedPiece{offset, bytes.size()}.encoded())) + bytes;
}

const std::string kHeader(as_text(encoded_flattened_header()));
const std::string kEnd(
    as_text(FlattenedPiece{FlattenedPiece::kEnd, FlattenedPiece::kEnd}.encoded()));

// What comes of a stream that arrives in portions of so many bytes.
std::string decoded(const std::string& stream, size_t portion, std::string& error) {
  std::string dump;
  FlattenedDecoder decoder("stream", [&](uint64_t at, Bytes bytes) -> Result<void> {
    dump.resize(std::max<size_t>(dump.size(), at + bytes.size()));
    dump.replace(at, bytes.size(), as_text(bytes));
    return {};
  });
  Result<void> fed;
  for (size_t at = 0; at < stream.size() && fed; at += portion)
    fed = decoder.feed(as_bytes(std::string_view(stream).substr(at, portion)));
  if (fed) fed = decoder.finish();
  error = fed ? "" : fed.error().message();
  return dump;
}

TEST(FlattenedDecoder, PortionsOfAnySizeGiveTheSame) {
  const std::string stream = kHeader + piece(20, std::string(3000, 'x')) +
                             piece(0, "KDUMP   head") + piece(12, "12345678") + kEnd + "behind";
  for (const size_t portion : {1, 7, 16, 4095, 4096, 4097, 100000}) {
    std::string error;
    EXPECT_EQ(decoded(stream, portion, error), "KDUMP   head12345678" + std::string(3000, 'x'))
        << portion;
    EXPECT_EQ(error, "") << portion;
  }
}

TEST(FlattenedDecoder, WhatCameOfAPieceThatIsCutShortIsWritten) {
  std::string error;
  const std::string stream = kHeader + piece(0, "KDUMP   and more");
  EXPECT_EQ(decoded(stream.substr(0, stream.size() - 4), 5, error), "KDUMP   and ");
  EXPECT_THAT(error, HasSubstr("cut short"));
}

TEST(FlattenedDecoder, AWriteThatFailsEndsIt) {
  FlattenedDecoder decoder("stream", [](uint64_t, Bytes) { return Error(Errc::no_space, "full"); });
  EXPECT_EQ(decoder.feed(as_bytes(kHeader + piece(0, "KDUMP   "))).error().message(), "full");
}

}  // namespace
}  // namespace kdump
