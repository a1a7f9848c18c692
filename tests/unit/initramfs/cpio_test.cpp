#include "initramfs/image/cpio.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kdump {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

struct Entry {
  std::string name, content;
  uint32_t inode, mode, uid, gid, links, mtime, major, minor, check;
};

// An independent reader, after the kernel's Documentation/driver-api/early-userspace/buffer-format.
std::vector<Entry> read_archive(const std::vector<std::byte>& archive) {
  const std::string_view text = as_text(archive);
  std::vector<Entry> entries;
  for (size_t at = 0;;) {
    EXPECT_EQ(at % 4, 0U);
    EXPECT_EQ(text.substr(at, 6), "070701");
    uint32_t fields[13];
    for (int i = 0; i < 13; ++i)
      fields[i] = static_cast<uint32_t>(std::stoul(
          std::string(text.substr(at + 6 + 8 * static_cast<size_t>(i), 8)), nullptr, 16));
    const size_t name_size = fields[11];
    const std::string name(text.substr(at + 110, name_size - 1));
    EXPECT_EQ(text[at + 110 + name_size - 1], '\0');
    const size_t content_at = (at + 110 + name_size + 3) / 4 * 4;
    const std::string content(text.substr(content_at, fields[6]));
    at = (content_at + fields[6] + 3) / 4 * 4;
    if (name == "TRAILER!!!") {
      EXPECT_EQ(at, text.size());
      return entries;
    }
    entries.push_back({name, content, fields[0], fields[1], fields[2], fields[3], fields[4],
                       fields[5], fields[9], fields[10], fields[12]});
  }
}

TEST(Cpio, HoldsEveryKindOfFile) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/init", 0755, bytes_of("program")));
  ASSERT_TRUE(archive.add_symlink("/usr/bin/makedumpfile", "makedump"));
  ASSERT_TRUE(archive.add_character_device("/dev/kmsg", 0600, 1, 11));
  ASSERT_TRUE(archive.add_directory("/proc", 0555));
  const auto entries = read_archive(archive.encode());
  ASSERT_EQ(entries.size(), 7U);
  EXPECT_EQ(entries[0].name, "dev");
  EXPECT_EQ(entries[0].mode, S_IFDIR | 0755U);
  EXPECT_EQ(entries[1].name, "dev/kmsg");
  EXPECT_EQ(entries[1].mode, S_IFCHR | 0600U);
  EXPECT_EQ(entries[1].major, 1U);
  EXPECT_EQ(entries[1].minor, 11U);
  EXPECT_EQ(entries[2].name, "init");
  EXPECT_EQ(entries[2].mode, S_IFREG | 0755U);
  EXPECT_EQ(entries[2].content, "program");
  EXPECT_EQ(entries[3].name, "proc");
  EXPECT_EQ(entries[3].mode, S_IFDIR | 0555U);
  EXPECT_EQ(entries[4].name, "usr");
  EXPECT_EQ(entries[5].name, "usr/bin");
  EXPECT_EQ(entries[6].mode & S_IFMT, static_cast<unsigned>(S_IFLNK));
  EXPECT_EQ(entries[6].content, "makedump");
}

TEST(Cpio, CarriesNothingOfTheHost) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/a/b", 0644, bytes_of("1")));
  ASSERT_TRUE(archive.add_file("/c", 0644, bytes_of("2")));
  uint32_t inode = 0;
  for (const Entry& entry : read_archive(archive.encode())) {
    EXPECT_EQ(entry.mtime, 0U);
    EXPECT_EQ(entry.uid, 0U);
    EXPECT_EQ(entry.gid, 0U);
    EXPECT_EQ(entry.check, 0U);
    EXPECT_EQ(entry.inode, ++inode);
  }
}

TEST(Cpio, SameContentInAnotherOrderGivesTheSameBytes) {
  CpioArchive one, other;
  ASSERT_TRUE(one.add_file("/x", 0644, bytes_of("x")));
  ASSERT_TRUE(one.add_directory("/d"));
  ASSERT_TRUE(one.add_file("/d/y", 0600, bytes_of("yy")));
  ASSERT_TRUE(other.add_file("/d/y", 0600, bytes_of("yy")));
  ASSERT_TRUE(other.add_file("/x", 0644, bytes_of("x")));
  EXPECT_EQ(one.encode(), other.encode());
}

TEST(Cpio, PadsNamesAndContentOfAnyLength) {
  CpioArchive archive;
  for (size_t length = 0; length < 9; ++length)
    ASSERT_TRUE(archive.add_file("/" + std::string(length + 1, 'n'), 0644,
                                 bytes_of(std::string(length, 'c'))));
  const auto entries = read_archive(archive.encode());
  ASSERT_EQ(entries.size(), 9U);
  for (size_t i = 0; i < 9; ++i)
    EXPECT_EQ(entries[i].content, std::string(i, 'c'));
}

TEST(Cpio, TheSameTwiceIsFineAnythingElseIsNot) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/a", 0644, bytes_of("1")));
  EXPECT_TRUE(archive.add_file("/a", 0644, bytes_of("1")));
  EXPECT_EQ(archive.add_file("/a", 0644, bytes_of("2")).error().code(), Errc::exists);
  EXPECT_EQ(archive.add_file("/a", 0755, bytes_of("1")).error().code(), Errc::exists);
  EXPECT_EQ(archive.add_file("/a/b", 0644, {}).error().code(), Errc::exists);
}

TEST(Cpio, RefusesWhatIsNoPath) {
  CpioArchive archive;
  for (const char* path : {"", "/", "a", "/a/", "/a//b"})
    EXPECT_EQ(archive.add_file(path, 0644, {}).error().code(), Errc::internal) << path;
}

TEST(Cpio, CountsUnpackedPages) {
  CpioArchive archive;
  ASSERT_TRUE(archive.add_file("/a", 0644, bytes_of("1")));
  ASSERT_TRUE(archive.add_file("/b", 0644, std::vector<std::byte>(4097)));
  EXPECT_EQ(archive.unpacked_bytes(), 3U * 4096);
}

}  // namespace
}  // namespace kdump
