#include "makedump/base/fd.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

namespace fs = std::filesystem;

class FdTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return dir_.path(name); }
  [[nodiscard]] std::string content(const std::string& name) const { return dir_.content(name); }

  TempDir dir_;
};

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST_F(FdTest, ClosesWhatItOwns) {
  int number = -1;
  {
    auto fd = open_file("/dev/null", O_RDONLY);
    ASSERT_TRUE(fd);
    number = fd->get();
    EXPECT_TRUE(is_open(number));
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0) << "children must not inherit it";
    Fd moved = std::move(*fd);
    EXPECT_FALSE(*fd);
    EXPECT_EQ(moved.get(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));

  Fd released(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  number = released.release();
  EXPECT_FALSE(released);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST_F(FdTest, OpenNamesThePath) {
  const auto fd = open_file(path("missing"), O_RDONLY);
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code(), Errc::not_found);
  EXPECT_EQ(fd.error().message(), path("missing") + ": No such file or directory");
}

TEST_F(FdTest, ReadsAndWritesAtOffsets) {
  auto fd = open_file(path("file"), O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(fd);
  ASSERT_TRUE(pwrite_all(*fd, as_bytes("world"), FileOffset(6), "file"));
  ASSERT_TRUE(pwrite_all(*fd, as_bytes("hello "), FileOffset(0), "file"));
  std::string text(20, '?');
  const MutBytes into(reinterpret_cast<std::byte*>(text.data()), text.size());
  auto got = pread_some(*fd, into, FileOffset(4), "file");
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 7U) << "as many bytes as the file has";
  EXPECT_EQ(text.substr(0, 7), "o world");
  got = pread_some(*fd, into, FileOffset(100), "file");
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 0U);
}

TEST_F(FdTest, ErrorsNameFileAndOffset) {
  auto fd = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(fd);
  const auto written = pwrite_all(*fd, as_bytes("x"), FileOffset(0x1234), "the file");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(), "the file: write at 0x1234: Bad file descriptor");
  EXPECT_FALSE(write_all(*fd, as_bytes("x"), "the file"));

  auto write_only = open_file("/dev/null", O_WRONLY);
  ASSERT_TRUE(write_only);
  std::byte byte{};
  const auto got = pread_some(*write_only, MutBytes(&byte, 1), FileOffset(0x10), "the file");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message(), "the file: read at 0x10: Bad file descriptor");
}

TEST_F(FdTest, AFullDeviceIsNoSpace) {
  auto fd = open_file("/dev/full", O_WRONLY);
  if (!fd) GTEST_SKIP() << "no /dev/full here";
  for (const auto& result : {pwrite_all(*fd, as_bytes("x"), FileOffset(0), "/dev/full"),
                             write_all(*fd, as_bytes("x"), "/dev/full")}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Errc::no_space);
    EXPECT_EQ(result.error().sys_errno(), ENOSPC);
  }
}

TEST_F(FdTest, WriteAllGoesOnAfterShortWrites) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd read_end(ends[0]), write_end(ends[1]);
  // More than a pipe holds, so that write(2) comes back early.
  const std::string text(1 << 20, 'p');
  size_t received = 0;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(read_end.get(), buffer, sizeof(buffer))) > 0;)
      received += static_cast<size_t>(n);
  });
  const auto written = write_all(write_end, as_bytes(text), "pipe");
  write_end.reset();
  reader.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(received, text.size());
}

TEST_F(FdTest, ReadsTextFilesUpToALimit) {
  std::ofstream(path("text")) << std::string(50000, 't');
  const auto text = read_text_file(path("text"));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, std::string(50000, 't'));
  const auto refused = read_text_file(path("text"), 40000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::bad_input);
  EXPECT_FALSE(read_text_file(path("missing")));
  EXPECT_FALSE(read_text_file(dir_.path()));
  // Files of /proc say that they are empty.
  const auto status = read_text_file("/proc/self/status");
  ASSERT_TRUE(status);
  EXPECT_NE(status->find("VmHWM"), std::string::npos);
}

TEST_F(FdTest, WriteExistingFileCreatesNothing) {
  EXPECT_FALSE(write_existing_file(path("missing"), "1"));
  EXPECT_FALSE(fs::exists(path("missing")));
  std::ofstream(path("knob")) << "0";
  EXPECT_TRUE(write_existing_file(path("knob"), "1"));
  EXPECT_EQ(content("knob"), "1");
}

TEST_F(FdTest, PublishedFilesAreWholeAndHaveTheirMode) {
  const mode_t before = ::umask(077);
  const auto published = publish_file(path("file"), as_bytes("first"), 0644);
  ::umask(before);
  ASSERT_TRUE(published);
  struct stat status {};
  ASSERT_EQ(::stat(path("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644U) << "whatever the umask";
  EXPECT_EQ(content("file"), "first");

  // Neither a leftover nor a link in its place is in the way, nor written to.
  std::ofstream(path("victim")) << "precious";
  fs::create_symlink(path("victim"), path("file.new"));
  ASSERT_TRUE(publish_file(path("file"), as_bytes("second"), 0600));
  EXPECT_EQ(content("file"), "second");
  EXPECT_EQ(content("victim"), "precious");
  EXPECT_FALSE(fs::exists(fs::symlink_status(path("file.new"))));
}

TEST_F(FdTest, PublishingWhereItCannotBeLeavesNothingBehind) {
  EXPECT_FALSE(publish_file(path("no/such/file"), as_bytes("x"), 0600));
  fs::create_directory(path("dir"));
  EXPECT_FALSE(publish_file(path("dir"), as_bytes("x"), 0600));
  EXPECT_FALSE(fs::exists(path("dir.new")));
}

TEST_F(FdTest, SyncsTheParentOfAnyPath) {
  EXPECT_TRUE(sync_parent_directory(path("file")));
  EXPECT_TRUE(sync_parent_directory("no-slash"));
  EXPECT_TRUE(sync_parent_directory("/etc"));
  EXPECT_FALSE(sync_parent_directory(path("missing/file")));
}

}  // namespace
}  // namespace kdump
