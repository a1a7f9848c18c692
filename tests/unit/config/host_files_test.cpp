#include "config/host_files.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Host {
  TempDir root;
  LoadedSettings loaded;

  std::vector<std::string> errors() {
    std::vector<std::string> messages;
    for (const Error& error : check_host_files(loaded, root.path()))
      messages.push_back(error.message());
    return messages;
  }
  void write(const std::string& name, mode_t mode) const {
    ASSERT_EQ(::chmod(root.write(name, "x").c_str(), mode), 0);
  }
};

TEST(HostFiles, NothingNamedNothingMissing) {
  Host host;
  EXPECT_THAT(host.errors(), IsEmpty());
  EXPECT_THAT(host.loaded.warnings, IsEmpty());
}

TEST(HostFiles, ProgramsMustBeThereAndExecutable) {
  Host host;
  host.write("usr/bin/good", 0755);
  host.write("usr/bin/plain", 0644);
  std::filesystem::create_directories(host.root.path("usr/bin/directory"));
  Settings& settings = host.loaded.settings;
  settings.kdump_pre = "/usr/bin/good";
  settings.kdump_post = "/usr/bin/plain";
  settings.kdump_emergency = "/usr/bin/missing";
  settings.extra_bins = {"/usr/bin/good", "dig", "/usr/bin/directory"};
  settings.notify_command = {"/usr/bin/none", "/also/none"};
  host.loaded.origins = {{"kdump_post", "kdump.conf:2"},
                         {"kdump_emergency", "kdump.conf:3"},
                         {"extra_bins", "kdump.conf:4"},
                         {"notify", "policy.yaml:1"}};
  const std::string root = host.root.path();
  EXPECT_THAT(
      host.errors(),
      ElementsAre("kdump.conf:2: kdump_post: " + root +
                      "/usr/bin/plain is not executable; chmod +x it, or remove the line",
                  "kdump.conf:3: kdump_emergency: " + root + "/usr/bin/missing not found",
                  "kdump.conf:4: extra_bins: 'dig' not found; write its whole path, from /",
                  "kdump.conf:4: extra_bins: " + root +
                      "/usr/bin/directory is not executable; chmod +x it, or remove the line",
                  "policy.yaml:1: notify: " + root + "/usr/bin/none not found"));
}

TEST(HostFiles, MissingKeyFallsBackToTheDefault) {
  Host host;
  host.loaded.settings.sshkey = "/root/.ssh/mine";
  host.loaded.origins["sshkey"] = "kdump.conf:7";
  EXPECT_THAT(host.errors(), IsEmpty());
  EXPECT_EQ(host.loaded.settings.sshkey, "/root/.ssh/kdump_id_rsa");
  EXPECT_THAT(host.loaded.warnings,
              ElementsAre("kdump.conf:7: sshkey '/root/.ssh/mine' is not there, so "
                          "/root/.ssh/kdump_id_rsa is used"));

  Host other;
  other.write("root/.ssh/mine", 0600);
  other.loaded.settings.sshkey = "/root/.ssh/mine";
  EXPECT_THAT(other.errors(), IsEmpty());
  EXPECT_EQ(other.loaded.settings.sshkey, "/root/.ssh/mine");
  EXPECT_THAT(other.loaded.warnings, IsEmpty());
}

TEST(HostFiles, KeysOfTargetsMustBeThere) {
  Host host;
  Target target;
  target.kind = TargetKind::sftp;
  target.user = "a";
  target.host = "b";
  target.key = "/k";
  target.origin = "policy.yaml:2";
  host.loaded.settings.targets = {target};
  EXPECT_THAT(host.errors(),
              ElementsAre("policy.yaml:2: sftp a@b: key " + host.root.path() + "/k not found"));
}

TEST(HostFiles, NoNodeFencesItself) {
  Host host;
  host.root.write("proc/sys/kernel/hostname", "node1\n");
  host.loaded.settings.fence_kdump_nodes = {"node2", "node1"};
  host.loaded.origins["fence_kdump_nodes"] = "kdump.conf:9";
  EXPECT_THAT(host.errors(),
              ElementsAre("kdump.conf:9: fence_kdump_nodes cannot contain 'node1', which is this "
                          "host; name the other nodes only"));

  LoadedSettings here;  // this machine has an address, if only on lo
  here.settings.fence_kdump_nodes = {"127.0.0.1", "192.0.2.1"};
  EXPECT_EQ(check_host_files(here, "").size(), 1U);
}

}  // namespace
}  // namespace kdump
