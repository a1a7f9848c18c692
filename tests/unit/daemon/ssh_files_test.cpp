#include "daemon/arm/ssh_files.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "makedump/base/fd.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

class SshFiles : public testing::Test {
 protected:
  SshFiles() : host_key(*SshKey::generate(SshKey::Type::ed25519)) {
    settings.targets = {target("sftp.example.com")};
    plan.targets.resize(1);
    plan.targets[0].kind = TargetKind::sftp;
    plan.targets[0].user = "backup";
    plan.targets[0].host = "sftp.example.com";
    plan.targets[0].described = "sftp backup@sftp.example.com";
    fake.make_directory("/root/.ssh");
    write_key("/root/.ssh/kdump_id_rsa");
    know("sftp.example.com");
  }

  static Target target(const std::string& host) {
    Target made;
    made.kind = TargetKind::sftp;
    made.user = "backup";
    made.host = host;
    return made;
  }
  [[nodiscard]] std::string at(const std::string& path) const {
    return fake.host.paths.root + path;
  }
  void write_key(const std::string& path) const {
    ASSERT_TRUE(SshKey::generate(SshKey::Type::ed25519)->write(at(path), "test"));
  }
  void know(const std::string& name) {
    fake.write("/var/lib/kdump/known_hosts",
               name + " " + host_key.public_key().line() + "\nother.example.com " +
                   SshKey::generate(SshKey::Type::ed25519)->public_key().line() + "\n");
  }
  // "" or the error.
  std::string complete() {
    const auto done = complete_ssh_targets(fake.host.paths, settings, plan);
    return done ? "" : done.error().message();
  }

  FakeHost fake;
  Settings settings;
  CapturePlan plan;
  SshKey host_key;
};

TEST_F(SshFiles, KeyAndPinnedLinesOfThatServerGoIntoTheImage) {
  ASSERT_EQ(complete(), "");
  EXPECT_EQ(plan.targets[0].port, 22);
  const auto files = ssh_image_files(fake.host.paths, settings, plan);
  ASSERT_TRUE(files) << files.error().message();
  ASSERT_THAT(*files, SizeIs(3));
  const auto source_of = [&](const std::string& path) {
    const auto file = std::find_if(files->begin(), files->end(),
                                   [&](const ExtraFile& each) { return each.image_path == path; });
    EXPECT_NE(file, files->end()) << path;
    EXPECT_EQ(file->mode, 0600U);
    return file->source;
  };
  EXPECT_EQ(source_of(plan.targets[0].key), at("/root/.ssh/kdump_id_rsa"));
  EXPECT_EQ(*read_text_file(source_of(kKnownHostsPath)),
            "sftp.example.com " + host_key.public_key().line() + "\n");
  struct stat status {};
  ASSERT_EQ(::stat(source_of("/etc/kdump/ssh/random-seed").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 256);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  // The seed stays what it is: another one would have the image built anew each time.
  const std::string seed = *read_text_file(source_of("/etc/kdump/ssh/random-seed"));
  ASSERT_TRUE(ssh_image_files(fake.host.paths, settings, plan));
  EXPECT_EQ(*read_text_file(source_of("/etc/kdump/ssh/random-seed")), seed);
}

TEST_F(SshFiles, ThePortOfSshConfigCounts) {
  fake.write("/root/.ssh/config", "Host sftp.example.com\n  Port 2222\n");
  EXPECT_THAT(complete(), HasSubstr("kdumpctl propagate"));  // the key is known for port 22
  know("[sftp.example.com]:2222");
  ASSERT_EQ(complete(), "");
  EXPECT_EQ(plan.targets[0].port, 2222);
}

TEST_F(SshFiles, AnotherNameOfTheHostIsRefused) {
  fake.write("/root/.ssh/config", "Host sftp.example.com\n  HostName real.example.com\n");
  EXPECT_EQ(complete(),
            "sftp backup@sftp.example.com: ssh_config makes sftp.example.com another name of "
            "real.example.com, which is not followed: write backup@real.example.com");
}

TEST_F(SshFiles, WhatCouldNotLogInIsRefused) {
  fake.write("/var/lib/kdump/known_hosts", "");
  EXPECT_THAT(complete(), EndsWith("run 'kdumpctl propagate'"));
  know("sftp.example.com");
  ::chmod(at("/root/.ssh/kdump_id_rsa").c_str(), 0640);
  EXPECT_THAT(complete(), HasSubstr("others than its owner may use this private key (mode 0640)"));
  ::unlink(at("/root/.ssh/kdump_id_rsa").c_str());
  EXPECT_THAT(complete(),
              AllOf(HasSubstr("there is no such key"), HasSubstr("kdumpctl propagate")));
}

TEST_F(SshFiles, ARevokedKeyIsNoKnownKey) {
  fake.write("/var/lib/kdump/known_hosts",
             "@revoked sftp.example.com " + host_key.public_key().line() + "\n");
  EXPECT_THAT(complete(), HasSubstr("kdumpctl propagate"));
}

TEST_F(SshFiles, ARefusalNamesTheLineOfItsTarget) {
  settings.targets[0].origin = "/etc/kdump/policy.yaml:2";
  fake.write("/var/lib/kdump/known_hosts", "");
  EXPECT_THAT(complete(), StartsWith("/etc/kdump/policy.yaml:2: backup@sftp.example.com: "));
}

// failure_action dump_to_rootfs adds one behind those of the settings.
TEST_F(SshFiles, ATargetMoreInThePlanChangesNothing) {
  plan.targets.emplace_back();
  ASSERT_EQ(complete(), "");
  EXPECT_NE(plan.targets[0].key, "");
  EXPECT_THAT(*ssh_image_files(fake.host.paths, settings, plan), SizeIs(3));
}

TEST_F(SshFiles, OtherTargetsBringNothing) {
  settings.targets = {Target{}};
  plan.targets[0].kind = TargetKind::filesystem;
  ASSERT_EQ(complete(), "");
  EXPECT_THAT(*ssh_image_files(fake.host.paths, settings, plan), SizeIs(0));
}

}  // namespace
}  // namespace kdump
