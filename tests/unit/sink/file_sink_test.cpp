#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "makedump/base/fd.h"
#include "makedump/sink/sink.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

namespace fs = std::filesystem;

class FileSinkTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return dir_.path(name); }
  [[nodiscard]] std::string content(const std::string& name) const { return dir_.content(name); }
  void put(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return fs::exists(fs::symlink_status(path(name)));
  }
  [[nodiscard]] std::unique_ptr<Sink> open(const std::string& name, bool overwrite = false) const {
    auto sink = open_file_sink(path(name), {.overwrite = overwrite});
    EXPECT_TRUE(sink) << (sink ? "" : sink.error().message());
    return sink ? std::move(*sink) : nullptr;
  }

  TempDir dir_;
};

TEST(IncompleteName, ComesBeforeTheExtension) {
  EXPECT_EQ(incomplete_name("dir/vmcore"), "dir/vmcore-incomplete");
  EXPECT_EQ(incomplete_name("dir/vmcore-dmesg.txt"), "dir/vmcore-dmesg-incomplete.txt");
  EXPECT_EQ(incomplete_name("vmcore.flat"), "vmcore-incomplete.flat");
  EXPECT_EQ(incomplete_name("vmcore"), "vmcore-incomplete");
  EXPECT_EQ(incomplete_name("/a.d/vmcore"), "/a.d/vmcore-incomplete");
  EXPECT_EQ(incomplete_name("/a.d/.vmcore"), "/a.d/.vmcore-incomplete");
  EXPECT_EQ(incomplete_name(".hidden"), ".hidden-incomplete");
}

TEST_F(FileSinkTest, AppearsUnderItsNameOnlyWhenCommitted) {
  auto sink = open("vmcore");
  EXPECT_EQ(sink->name(), path("vmcore-incomplete"));
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("hello")));
  EXPECT_TRUE(exists("vmcore-incomplete"));
  EXPECT_FALSE(exists("vmcore"));
  ASSERT_TRUE(sink->commit());
  EXPECT_FALSE(exists("vmcore-incomplete"));
  EXPECT_EQ(content("vmcore"), "hello");
}

TEST_F(FileSinkTest, OnlyTheOwnerMayReadIt) {
  const mode_t before = ::umask(0);
  auto sink = open("vmcore");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(path("vmcore-incomplete").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ASSERT_TRUE(sink->commit());
  ASSERT_EQ(::stat(path("vmcore").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(FileSinkTest, WritesAnywhereAndLeavesHoles) {
  auto sink = open("vmcore");
  ASSERT_TRUE(sink->write_at(FileOffset(8), as_bytes("cd")));
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("ab")));
  ASSERT_TRUE(sink->extend_to(12));
  ASSERT_TRUE(sink->extend_to(3));  // never shorter
  ASSERT_TRUE(sink->write_at(FileOffset(1), as_bytes("B")));
  ASSERT_TRUE(sink->commit());
  EXPECT_EQ(content("vmcore"), std::string("aB\0\0\0\0\0\0cd\0\0", 12));
}

// Passes through write-back and the dropping of what is on disk already.
TEST_F(FileSinkTest, LargeFilesArriveWhole) {
  auto sink = open("vmcore");
  std::string piece(300000, '\0');
  uint64_t at = 100;
  for (int i = 0; i < 150; ++i) {
    std::fill(piece.begin(), piece.end(), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(sink->write_at(FileOffset(at), as_bytes(piece)));
    at += piece.size();
  }
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("head")));
  ASSERT_TRUE(sink->commit());
  const std::string all = content("vmcore");
  ASSERT_EQ(all.size(), 100 + 150 * piece.size());
  EXPECT_EQ(all.substr(0, 4), "head");
  for (size_t i = 0; i < 150; ++i) {
    EXPECT_EQ(all[100 + i * piece.size()], static_cast<char>('a' + i % 26));
    EXPECT_EQ(all[99 + (i + 1) * piece.size()], static_cast<char>('a' + i % 26));
  }
}

TEST_F(FileSinkTest, WithoutCommitTheLabelledFileStays) {
  {
    auto sink = open("vmcore");
    ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("part")));
  }
  EXPECT_EQ(content("vmcore-incomplete"), "part");
  EXPECT_FALSE(exists("vmcore"));
}

TEST_F(FileSinkTest, DiscardRemovesIt) {
  auto sink = open("vmcore");
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("part")));
  sink->discard();
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(FileSinkTest, WhatAnEarlierRunLeftIsReplaced) {
  put("vmcore-incomplete", "old and much longer");
  auto sink = open("vmcore");
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("new")));
  ASSERT_TRUE(sink->commit());
  EXPECT_EQ(content("vmcore"), "new");
}

TEST_F(FileSinkTest, AnExistingFileIsRefused) {
  put("vmcore", "precious");
  const auto sink = open_file_sink(path("vmcore"), {});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code(), Errc::exists);
  EXPECT_NE(sink.error().message().find(path("vmcore")), std::string::npos);
  EXPECT_EQ(content("vmcore"), "precious");
  EXPECT_FALSE(exists("vmcore-incomplete"));
}

TEST_F(FileSinkTest, AFileThatAppearsMeanwhileIsRefusedToo) {
  auto sink = open("vmcore");
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("new")));
  put("vmcore", "precious");
  const auto result = sink->commit();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::exists);
  EXPECT_EQ(content("vmcore"), "precious");
  EXPECT_EQ(content("vmcore-incomplete"), "new");
}

TEST_F(FileSinkTest, OverwritingReplacesAtTheEndOnly) {
  put("vmcore", "old");
  auto sink = open("vmcore", true);
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("new")));
  EXPECT_EQ(content("vmcore"), "old");
  ASSERT_TRUE(sink->commit());
  EXPECT_EQ(content("vmcore"), "new");
}

TEST_F(FileSinkTest, LinksAreNeverFollowed) {
  put("victim", "precious");
  fs::create_symlink(path("victim"), path("vmcore-incomplete"));
  auto sink = open("vmcore");
  ASSERT_TRUE(sink->write_at(FileOffset(0), as_bytes("new")));
  ASSERT_TRUE(sink->commit());
  EXPECT_EQ(content("victim"), "precious");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path("vmcore"))));

  fs::create_symlink(path("victim"), path("link"));
  for (const bool overwrite : {false, true}) {
    const auto refused = open_file_sink(path("link"), {.overwrite = overwrite});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unsupported);
    EXPECT_NE(refused.error().message().find("is a symbolic link"), std::string::npos);
  }
  // A link to nothing is no free name.
  fs::create_symlink(path("nowhere"), path("dangling"));
  EXPECT_FALSE(open_file_sink(path("dangling"), {}));
  EXPECT_EQ(content("victim"), "precious");
}

TEST_F(FileSinkTest, OtherKindsOfFilesAreRefused) {
  fs::create_directory(path("dir"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const std::pair<std::string, std::string> cases[] = {
      {path("dir"), "is a directory"},
      {path("pipe"), "is a pipe"},
      {"/dev/null", "is a character device"},
  };
  for (const auto& [name, words] : cases) {
    for (const bool overwrite : {false, true}) {
      const auto sink = open_file_sink(name, {.overwrite = overwrite});
      ASSERT_FALSE(sink) << name;
      EXPECT_EQ(sink.error().code(), Errc::unsupported) << name;
      EXPECT_NE(sink.error().message().find(name + ": " + words), std::string::npos)
          << sink.error().message();
    }
  }
  for (const std::string& name : {std::string(), dir_.path() + "/"}) {
    const auto sink = open_file_sink(name, {});
    ASSERT_FALSE(sink);
    EXPECT_EQ(sink.error().code(), Errc::usage);
  }
}

TEST_F(FileSinkTest, ADirectoryInPlaceOfTheTemporaryFileIsAnError) {
  fs::create_directory(path("vmcore-incomplete"));
  const auto sink = open_file_sink(path("vmcore"), {});
  ASSERT_FALSE(sink);
  EXPECT_NE(sink.error().message().find(path("vmcore-incomplete")), std::string::npos);
}

TEST_F(FileSinkTest, AMissingDirectoryIsNamed) {
  const auto sink = open_file_sink(path("no/such/vmcore"), {});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code(), Errc::not_found);
  EXPECT_NE(sink.error().message().find(path("no/such/vmcore-incomplete")), std::string::npos);
}

TEST_F(FileSinkTest, TwoRunsDoNotTakeTheFileFromEachOther) {
  auto first = open("vmcore");
  ASSERT_TRUE(first->write_at(FileOffset(0), as_bytes("first")));
  const auto second = open_file_sink(path("vmcore"), {.overwrite = true});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::exists);
  ASSERT_TRUE(first->commit());
  EXPECT_EQ(content("vmcore"), "first");
}

TEST_F(FileSinkTest, AFileInTheCurrentDirectoryNeedsNoSlash) {
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  auto sink = open_file_sink("vmcore", {});
  const bool committed = sink && (*sink)->commit();
  fs::current_path(before);
  EXPECT_TRUE(committed);
  EXPECT_TRUE(exists("vmcore"));
}

TEST_F(FileSinkTest, AFullTargetIsNoSpace) {
  // EFBIG is the refusal that a test can have without a file system of its own; it is one of those
  // that mean "the target cannot take more".
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = before;
  limit.rlim_cur = 10000;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  auto sink = open("vmcore");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string text(20000, 'x');
  const auto written = sink->write_at(FileOffset(0), as_bytes(text));
  const auto extended = sink->extend_to(20000);
  ::setrlimit(RLIMIT_FSIZE, &before);
  (void)::signal(SIGXFSZ, handler);

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Errc::no_space);
  EXPECT_NE(written.error().message().find(path("vmcore-incomplete") + ": write at 0x"),
            std::string::npos)
      << written.error().message();
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code(), Errc::no_space);
}

TEST_F(FileSinkTest, OffsetsThatAFileCannotHaveAreErrors) {
  auto sink = open("vmcore");
  EXPECT_FALSE(sink->write_at(FileOffset(UINT64_MAX), as_bytes("x")));
  EXPECT_FALSE(sink->write_at(FileOffset(uint64_t{1} << 63), as_bytes("x")));
  EXPECT_FALSE(sink->extend_to(UINT64_MAX));
  EXPECT_TRUE(sink->write_at(FileOffset(0), {}));
}

// A disk that takes less than it promised: what it refuses after the write, while the dump goes on,
// ends the dump, and is not left for fsync to find.
TEST_F(FileSinkTest, WhatIsRefusedBehindTheWriteIsToldAtOnce) {
  const std::string at = path("small");
  fs::create_directory(at);
  const std::string disk = at + "/disk", mounted = at + "/mounted";
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=12M") != 0)
      ::_exit(77);
    const std::string make = "PATH=$PATH:/usr/sbin:/sbin; truncate -s 128M " + disk +
                             " && mkfs.ext4 -q -F " + disk + " && mkdir " + mounted +
                             " && mount -o loop " + disk + " " + mounted + " 2>/dev/null";
    if (std::system(make.c_str()) != 0) ::_exit(77);  // NOLINT(cert-env33-c): a test's own words
    int status = 1;
    {
      auto sink = open_file_sink(mounted + "/vmcore", {});
      const std::string mebibyte(size_t{1} << 20, 'x');
      for (uint64_t i = 0; sink && i < 100 && status != 0; ++i)
        if (!(*sink)->write_at(FileOffset(i << 20), as_bytes(mebibyte))) status = 0;
    }
    (void)::umount2(mounted.c_str(), MNT_DETACH);
    ::_exit(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no loop devices, or not root";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "all of it was taken";
}

}  // namespace
}  // namespace kdump
