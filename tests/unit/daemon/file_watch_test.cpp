#include "daemon/watch/file_watch.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    auto opened = FileWatch::open();
    EXPECT_TRUE(opened);
    watch_.emplace(std::move(*opened));
    root_ = std::filesystem::canonical(directory_.path());
    std::filesystem::create_directories(root_ + "/etc");
    write("/etc/kdump.conf");
  }
  void write(const std::string& path) const { std::ofstream(root_ + path) << "x"; }
  void expect_no_problems(const std::vector<std::string>& files,
                          const std::vector<std::string>& directories) {
    EXPECT_THAT(watch_->watch(files, directories), IsEmpty());
  }
  std::set<std::string> changes() { return watch_->take_changes(); }

  TempDir directory_;
  std::string root_;
  std::optional<FileWatch> watch_;
};

TEST_F(FileWatchTest, SeesEveryWayToChangeAFile) {
  const std::string file = root_ + "/etc/kdump.conf";
  expect_no_problems({file}, {});
  EXPECT_THAT(changes(), IsEmpty());
  // In place, as echo does it
  write("/etc/kdump.conf");
  EXPECT_THAT(changes(), ElementsAre(file));
  // A new file under the old name, as editors do it: more than once
  for (int round = 0; round < 3; ++round) {
    write("/etc/.kdump.conf.new");
    EXPECT_THAT(changes(), IsEmpty());
    std::filesystem::rename(root_ + "/etc/.kdump.conf.new", file);
    EXPECT_THAT(changes(), ElementsAre(file));
  }
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  EXPECT_THAT(changes(), ElementsAre(file));
  std::filesystem::remove(file);
  EXPECT_THAT(changes(), ElementsAre(file));
  std::filesystem::create_symlink("elsewhere", file);
  EXPECT_THAT(changes(), ElementsAre(file));
}

TEST_F(FileWatchTest, IsNotWokenByReadersAndNeighbours) {
  expect_no_problems({root_ + "/etc/kdump.conf"}, {});
  std::string word;
  std::ifstream(root_ + "/etc/kdump.conf") >> word;
  write("/etc/resolv.conf");
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(FileWatchTest, WaitsForWhatIsNotThereYet) {
  const std::string policy = root_ + "/etc/kdump/policy.yaml";
  const std::string hooks = root_ + "/etc/kdump/pre.d";
  const auto again = [&] { expect_no_problems({policy}, {hooks}); };
  again();
  std::filesystem::create_directories(root_ + "/etc/kdump");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/etc/kdump"));
  again();
  write("/etc/kdump/policy.yaml");
  EXPECT_THAT(changes(), ElementsAre(policy));
  write("/etc/kdump/other.yaml");
  EXPECT_THAT(changes(), IsEmpty());
  std::filesystem::create_directories(hooks);
  EXPECT_THAT(changes(), ElementsAre(hooks));
  again();
  write("/etc/kdump/pre.d/first");
  EXPECT_THAT(changes(), ElementsAre(hooks + "/first"));
  // And back again
  std::filesystem::remove_all(root_ + "/etc/kdump");
  EXPECT_THAT(changes(), Contains(hooks));
  again();
  std::filesystem::create_directories(root_ + "/etc/kdump");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/etc/kdump"));
}

TEST_F(FileWatchTest, FollowsLinks) {
  std::filesystem::create_directories(root_ + "/srv");
  write("/srv/kdump.conf");
  std::filesystem::remove(root_ + "/etc/kdump.conf");
  std::filesystem::create_symlink("../srv/kdump.conf", root_ + "/etc/kdump.conf");
  expect_no_problems({root_ + "/etc/kdump.conf"}, {});
  write("/srv/kdump.conf");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/srv/kdump.conf"));
  std::filesystem::remove(root_ + "/etc/kdump.conf");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/etc/kdump.conf"));
}

TEST_F(FileWatchTest, LeavesScratchFilesOutInWholeDirectories) {
  expect_no_problems({}, {root_ + "/etc"});
  for (const char* name : {"/etc/.hidden", "/etc/hook~", "/etc/.hook.swp", "/etc/a.dpkg-new"})
    write(name);
  EXPECT_THAT(changes(), IsEmpty());
  write("/etc/hook");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/etc/hook"));
}

TEST_F(FileWatchTest, ForgetsWhatIsNotWantedAnyMore) {
  std::filesystem::create_directories(root_ + "/boot");
  expect_no_problems({root_ + "/etc/kdump.conf"}, {root_ + "/boot"});
  expect_no_problems({root_ + "/etc/kdump.conf"}, {});
  write("/boot/vmlinuz-6.1");
  EXPECT_THAT(changes(), IsEmpty());
  write("/etc/kdump.conf");
  EXPECT_THAT(changes(), ElementsAre(root_ + "/etc/kdump.conf"));
}

}  // namespace
}  // namespace kdump
