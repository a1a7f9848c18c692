#include "daemon/captures/capture_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;

TEST(CaptureNames, OursAndThoseOfOthers) {
  for (const char* name : {
           "127.0.0.1-2026-11-23-21:27:35",        // RHEL, and ours
           "127.0.0.1-2026-11-23-21-27-35",        // on FAT
           "127.0.0.1-2026-11-23-21:27:35-2",      // the second one in a second
           "fe80::1-2026-11-23-21:27:35",          //
           "db1.example.org_2026-11-23-21:27:35",  // naming
           "2026-11-23-21:27:35.db1",              //
           "2026-11-23-21:27",                     // RHEL's raw recovery
           "2026-11-23-21-27",                     // SUSE
           "202611232127",                         // Debian
           "10.0.0.5-202611232127",                // Debian, on a shared target
           "kdump-test-1795210055-123456789",
       })
    EXPECT_TRUE(is_capture_name(name)) << name;
}

TEST(CaptureNames, NotThoseOfAnythingElse) {
  for (const char* name :
       {"", ".", "..", "lost+found", "_usr_bin_apt.0.crash", "pre.d", "2026-11-23", "2026-11-23-21",
        "3026-11-23-21:27", "backup-20261123", "12345678901234", "127.0.0.1-2026/11/23-21:27:35",
        "kdump-test-", "kdump-test-a", "kdump-test-1/..", "202611232127.tar",
        "10.0.0.5-182611232127"})
    EXPECT_FALSE(is_capture_name(name)) << name;
}

TEST(CaptureNames, FilesOfCaptures) {
  for (const char* name :
       {"vmcore", "vmcore-incomplete", "vmcore.flat", "vmcore-dmesg.txt",
        "vmcore-dmesg-incomplete.txt", "vmcore.json", "kexec-dmesg.log", "dump.202611232127",
        "dmesg.202611232127", "dump-incomplete", "dmesg.txt", "README.txt", "opalcore"})
    EXPECT_TRUE(is_capture_file(name)) << name;
  for (const char* name : {"", "notes.txt", "vmcore.old", "vmcore.txt", "dump.", "dump.x", "core"})
    EXPECT_FALSE(is_capture_file(name)) << name;
}

class CaptureFilesTest : public testing::Test {
 protected:
  CaptureFilesTest() {
    for (const char* name : {"vmcore", "vmcore-dmesg.txt", "vmcore.json"})
      directory.write(std::string("crash/") + kName + "/" + name, name);
    parent = *open_file(directory.path("crash"), O_RDONLY | O_DIRECTORY);
  }
  [[nodiscard]] std::string path(const std::string& file) const {
    return directory.path("crash/" + std::string(kName) + "/" + file);
  }
  [[nodiscard]] bool exists(const std::string& file) const {
    struct stat status {};
    return ::lstat(path(file).c_str(), &status) == 0;
  }
  Result<void> remove() {
    auto files = CaptureFiles::open(parent, kName, path(""));
    if (!files) return std::move(files).error();
    return files->remove_all(parent, kName);
  }

  static constexpr char kName[] = "127.0.0.1-2026-11-23-21:27:35";
  TempDir directory;
  Fd parent;
};

TEST_F(CaptureFilesTest, IsRemovedAsAWhole) {
  const auto removed = remove();
  ASSERT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(exists(""));
}

TEST_F(CaptureFilesTest, WhatSomebodyPutThereKeepsIt) {
  directory.write("crash/" + std::string(kName) + "/analysis.txt", "do not remove");
  const auto removed = remove();
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().message(), HasSubstr("holds analysis.txt, which no capture"));
  EXPECT_TRUE(exists("vmcore"));
}

// None of these is what its name says; what is behind links stays, and so does the link.
TEST_F(CaptureFilesTest, LinksDirectoriesAndPipesAreNoFiles) {
  const std::string outside = directory.write("outside/vmcore", "precious");
  const auto is_refused = [this](const char* what) {
    EXPECT_FALSE(remove()) << what;
    EXPECT_TRUE(exists("vmcore.json")) << what;
    const auto files = CaptureFiles::open(parent, kName, path(""));
    ASSERT_TRUE(files);
    EXPECT_FALSE(files->dump()) << what;
    EXPECT_FALSE(files->read("vmcore", 100)) << what;
  };
  std::filesystem::remove(path("vmcore"));
  std::filesystem::create_symlink(outside, path("vmcore"));
  is_refused("link");
  std::filesystem::remove(path("vmcore"));
  std::filesystem::create_directory(path("vmcore"));
  is_refused("directory");
  std::filesystem::remove(path("vmcore"));
  ASSERT_EQ(::mkfifo(path("vmcore").c_str(), 0600), 0);
  is_refused("pipe");
  EXPECT_EQ(directory.content("outside/vmcore"), "precious");
}

TEST_F(CaptureFilesTest, ALinkToACaptureIsNone) {
  directory.link("crash/127.0.0.1-2026-01-01-00:00:00", kName);
  const auto files = CaptureFiles::open(parent, "127.0.0.1-2026-01-01-00:00:00", "link");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code(), Errc::not_found);
}

TEST_F(CaptureFilesTest, ReadsNoMoreThanAsked) {
  const auto files = CaptureFiles::open(parent, kName, path(""));
  ASSERT_TRUE(files);
  EXPECT_EQ(*files->read("vmcore.json", 11), "vmcore.json");
  EXPECT_FALSE(files->read("vmcore.json", 10));
}

TEST_F(CaptureFilesTest, ADirectoryOfAMillionFilesIsNoCapture) {
  for (int i = 0; i < 1001; ++i)
    directory.write("crash/" + std::string(kName) + "/dump." + std::to_string(i), "");
  EXPECT_FALSE(CaptureFiles::open(parent, kName, path("")));
}

}  // namespace
}  // namespace kdump
