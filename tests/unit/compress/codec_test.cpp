#include "makedump/compress/codec.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <zstd.h>

namespace kdump {
namespace {

using Buffer = std::vector<std::byte>;

Buffer random_bytes(size_t size, uint32_t seed) {
  std::mt19937 generator(seed);
  Buffer bytes(size);
  for (std::byte& b : bytes)
    b = static_cast<std::byte>(generator());
  return bytes;
}

// What kernel memory looks like: pointers with common high bytes, small counters, text, holes.
Buffer kernel_like(size_t size, uint32_t seed) {
  std::mt19937_64 generator(seed);
  Buffer bytes(size);
  for (size_t i = 0; i + 8 <= size; i += 8) {
    const uint64_t kind = generator() % 4;
    if (kind == 0) store<uint64_t>(&bytes[i], 0xffff888000000000 | (generator() & 0xfffffff0));
    if (kind == 1) store<uint64_t>(&bytes[i], generator() % 100);
    if (kind == 2) std::memcpy(&bytes[i], "systemd-", 8);
  }
  return bytes;
}

std::vector<Buffer> samples(size_t size) {
  std::vector<Buffer> all;
  all.emplace_back(size);                   // zeros
  all.emplace_back(size, std::byte{0xcc});  // one byte
  all.push_back(kernel_like(size, 1));
  all.push_back(random_bytes(size, 2));
  Buffer half = random_bytes(size, 3);  // shrinks by half
  std::fill(half.begin() + static_cast<std::ptrdiff_t>(size / 2), half.end(), std::byte{0});
  all.push_back(half);
  Buffer hardly = random_bytes(size, 4);  // on the border between shrinking and not
  std::fill_n(hardly.begin(), 24, std::byte{0});
  all.push_back(hardly);
  return all;
}

class CodecTest : public testing::TestWithParam<Codec> {
 protected:
  void SetUp() override {
    auto compressor = make_compressor(GetParam());
    ASSERT_TRUE(compressor);
    compressor_ = std::move(*compressor);
    auto decompressor = make_decompressor(GetParam());
    ASSERT_TRUE(decompressor);
    decompressor_ = std::move(*decompressor);
  }

  // Compressed bytes; empty if it did not shrink. Guards the end of the room that was asked for.
  Buffer compress(Bytes in) {
    constexpr size_t kGuard = 64;
    const size_t bound = compressor_->bound(in.size());
    EXPECT_GE(bound, in.size());
    Buffer out(bound + kGuard, std::byte{0x5a});
    const size_t size = compressor_->compress(in, MutBytes(out).first(bound));
    for (size_t i = bound; i < out.size(); ++i)
      EXPECT_EQ(out[i], std::byte{0x5a}) << "wrote past the bound";
    EXPECT_LE(size, bound);
    EXPECT_TRUE(size == 0 || size < in.size());
    out.resize(size);
    return out;
  }

  std::unique_ptr<Compressor> compressor_;
  std::unique_ptr<Decompressor> decompressor_;
};

TEST_P(CodecTest, RoundTripsPagesOfAllSizes) {
  for (const size_t size : {4096U, 8192U, 16384U, 65536U}) {
    size_t shrunk = 0;
    for (const Buffer& page : samples(size)) {
      const Buffer small = compress(page);
      if (small.empty()) continue;
      ++shrunk;
      Buffer back(size, std::byte{0xee});
      ASSERT_TRUE(decompressor_->decompress(small, back)) << codec_name(GetParam()) << " " << size;
      EXPECT_EQ(back, page);
    }
    EXPECT_GE(shrunk, GetParam() == Codec::none ? 0U : 4U);
  }
}

TEST_P(CodecTest, RandomBytesDoNotShrink) {
  EXPECT_TRUE(compress(random_bytes(4096, 9)).empty());
}

TEST_P(CodecTest, ForgetsTheLastPage) {
  // The same bytes whatever was compressed before: a dump must not depend on which thread took
  // which page.
  const Buffer page = kernel_like(4096, 5);
  const Buffer first = compress(page);
  for (const Buffer& other : samples(4096))
    (void)compress(other);
  EXPECT_EQ(compress(page), first);
  auto fresh = make_compressor(GetParam());
  ASSERT_TRUE(fresh);
  Buffer out((*fresh)->bound(page.size()));
  out.resize((*fresh)->compress(page, out));
  EXPECT_EQ(out, first);
}

TEST_P(CodecTest, TakesTinyInput) {
  for (size_t size = 0; size < 40; ++size) {
    const Buffer in(size, std::byte{7});
    const Buffer small = compress(in);
    if (small.empty()) continue;
    Buffer back(size);
    ASSERT_TRUE(decompressor_->decompress(small, back));
    EXPECT_EQ(back, in);
  }
}

TEST_P(CodecTest, RefusesTheWrongSize) {
  const Buffer page = kernel_like(4096, 6);
  const Buffer small = GetParam() == Codec::none ? page : compress(page);
  ASSERT_FALSE(small.empty());
  for (const size_t size : {0U, 1U, 4095U, 4097U, 65536U}) {
    Buffer back(size);
    const auto result = decompressor_->decompress(small, back);
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().code(), Errc::bad_input);
  }
}

TEST_P(CodecTest, RefusesCutInput) {
  const Buffer page = kernel_like(4096, 7);
  const Buffer small = GetParam() == Codec::none ? page : compress(page);
  for (size_t size = 0; size < small.size(); size += 1 + size / 16) {
    // A buffer of its own, so that a sanitizer sees a read past its end.
    const Buffer cut(small.begin(), small.begin() + static_cast<std::ptrdiff_t>(size));
    Buffer back(4096);
    const auto result = decompressor_->decompress(cut, back);
    EXPECT_FALSE(result) << size;
  }
}

TEST_P(CodecTest, SurvivesHostileInput) {
  const Buffer page = kernel_like(4096, 8);
  const Buffer small = GetParam() == Codec::none ? page : compress(page);
  std::mt19937 generator(11);
  for (int round = 0; round < 3000; ++round) {
    Buffer bad = small;
    for (int flips = round % 8; flips >= 0; --flips)
      bad[generator() % bad.size()] = static_cast<std::byte>(generator());
    const auto back = std::make_unique<std::byte[]>(4096);
    (void)decompressor_->decompress(bad, MutBytes(back.get(), 4096));
  }
  for (uint32_t round = 0; round < 500; ++round) {
    const auto back = std::make_unique<std::byte[]>(4096);
    (void)decompressor_->decompress(random_bytes(round, round), MutBytes(back.get(), 4096));
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, CodecTest,
                         testing::Values(Codec::none, Codec::zlib, Codec::lzo, Codec::snappy,
                                         Codec::zstd),
                         [](const auto& tested) { return std::string(codec_name(tested.param)); });

TEST(Codec, UnknownNumbersAreErrors) {
  for (const uint32_t number : {3U, 0x10U, 0xffffffffU}) {
    EXPECT_FALSE(make_compressor(static_cast<Codec>(number)));
    const auto decompressor = make_decompressor(static_cast<Codec>(number));
    ASSERT_FALSE(decompressor);
    EXPECT_EQ(decompressor.error().code(), Errc::bad_input);
  }
}

TEST(Codec, RatiosAreWhatTheCodecsCanDo) {
  const Buffer page = kernel_like(4096, 10);
  for (const Codec codec : {Codec::zlib, Codec::lzo, Codec::snappy, Codec::zstd}) {
    auto compressor = make_compressor(codec);
    ASSERT_TRUE(compressor);
    Buffer out((*compressor)->bound(page.size()));
    const size_t size = (*compressor)->compress(page, out);
    EXPECT_GT(size, 0U) << codec_name(codec);
    EXPECT_LT(size, 2800U) << codec_name(codec);
  }
}

// crash and drgn hand "zlib" pages to zlib's uncompress(), which wants RFC 1950: a header, deflate
// data, and the Adler-32 of what comes out.
TEST(Codec, ZlibPagesAreZlibStreams) {
  const Buffer page = kernel_like(4096, 12);
  auto compressor = make_compressor(Codec::zlib);
  ASSERT_TRUE(compressor);
  Buffer small((*compressor)->bound(page.size()));
  small.resize((*compressor)->compress(page, small));
  ASSERT_GT(small.size(), 6U);

  const auto header = load<uint16_t>(small.data(), ByteOrder::big);
  EXPECT_EQ(header % 31, 0);
  EXPECT_EQ(header >> 8 & 0xf, 8) << "deflate";
  EXPECT_LE(header >> 12, 7) << "a window of at most 32 KiB";
  EXPECT_EQ(header >> 5 & 1, 0) << "no preset dictionary";
  uint32_t a = 1, b = 0;
  for (const std::byte byte : page) {
    a = (a + std::to_integer<uint32_t>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  EXPECT_EQ(load<uint32_t>(small.data() + small.size() - 4, ByteOrder::big), b << 16 | a);
}

// --- zstd_frame -------------------------------------------------------------------------------

struct FrameHeader {
  bool checksum = false;
  std::optional<uint64_t> content_size;
  uint64_t window = 0;
};

// RFC 8878, 3.1.1.1.
FrameHeader parse_frame_header(Bytes frame) {
  FrameHeader header;
  EXPECT_EQ(load<uint32_t>(frame.data()), 0xfd2fb528U);
  const auto descriptor = std::to_integer<unsigned>(frame[4]);
  const unsigned size_flag = descriptor >> 6;
  const bool single_segment = (descriptor >> 5 & 1) != 0;
  header.checksum = (descriptor >> 2 & 1) != 0;
  EXPECT_EQ(descriptor & 3, 0U) << "no dictionary";
  size_t at = 5;
  if (!single_segment) {
    const auto window = std::to_integer<unsigned>(frame[at++]);
    const uint64_t base = uint64_t{1} << (10 + (window >> 3));
    header.window = base + base / 8 * (window & 7);
  }
  const std::byte* size_at = frame.data() + at;
  if (size_flag == 0 && single_segment) header.content_size = load<uint8_t>(size_at);
  if (size_flag == 1) header.content_size = load<uint16_t>(size_at) + 256;
  if (size_flag == 2) header.content_size = load<uint32_t>(size_at);
  if (size_flag == 3) header.content_size = load<uint64_t>(size_at);
  if (single_segment) header.window = header.content_size.value_or(0);
  return header;
}

TEST(ZstdFrame, RoundTripsAndSaysWhatItHolds) {
  for (const size_t size : {0U, 1U, 255U, 256U, 5000U, 70000U, 3000000U}) {
    for (const int level : {1, 3, 10}) {
      const Buffer content = kernel_like(size, static_cast<uint32_t>(size));
      const auto frame = zstd_frame(content, level);
      ASSERT_TRUE(frame);
      const FrameHeader header = parse_frame_header(*frame);
      EXPECT_TRUE(header.checksum);
      EXPECT_EQ(header.content_size, size);
      Buffer back(size);
      const size_t got = ZSTD_decompress(back.data(), back.size(), frame->data(), frame->size());
      ASSERT_EQ(got, size) << ZSTD_getErrorName(got);
      EXPECT_EQ(back, content);
    }
  }
}

// The capture kernel allocates it while it unpacks.
TEST(ZstdFrame, WindowIsSmallAtEveryLevel) {
  const Buffer content(20 << 20);  // larger than any level's own window
  for (int level = 1; level <= 19; ++level) {
    const auto frame = zstd_frame(content, level);
    ASSERT_TRUE(frame);
    EXPECT_LE(parse_frame_header(*frame).window, uint64_t{1} << 20) << "level " << level;
  }
}

TEST(ZstdFrame, RefusesOtherLevels) {
  for (const int level : {-5, 0, 20, 22}) {
    const auto frame = zstd_frame({}, level);
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().code(), Errc::usage);
  }
}

TEST(ZstdFrame, DamageIsNoticed) {
  const Buffer content = random_bytes(5000, 1);  // stored as it is, so only the checksum can tell
  auto frame = zstd_frame(content, 3);
  ASSERT_TRUE(frame);
  (*frame)[frame->size() / 2] ^= std::byte{1};
  Buffer back(5000);
  EXPECT_NE(ZSTD_isError(ZSTD_decompress(back.data(), back.size(), frame->data(), frame->size())),
            0U);
}

}  // namespace
}  // namespace kdump
