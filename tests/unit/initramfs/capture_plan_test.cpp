#include "initramfs/plan/capture_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kdump {
namespace {

using testing::HasSubstr;

CapturePlan sample() {
  CapturePlan plan;
  TargetPlan& target = plan.targets.emplace_back();
  target.described = "ext4 LABEL=crash";
  target.device = "UUID=6b64756d-7064-4000-8000-000000000001";
  target.filesystem = "ext4";
  target.mount_options = "rw,errors=remount-ro";
  target.directory = "/var/crash";
  plan.naming = "{hostname}-{time}";
  plan.hostname = "db1.example.org";
  plan.core_collector = {"/usr/bin/makedump", "-l", "--message-level", "7", "-d", "31"};
  plan.failure_action = FailureAction::poweroff;
  plan.final_action = FinalAction::halt;
  return plan;
}

// Everything that a plan can say.
CapturePlan full_sample() {
  CapturePlan plan = sample();
  TargetPlan& sftp = plan.targets.emplace_back();
  sftp.kind = TargetKind::sftp;
  sftp.described = "sftp dump@backup.example.org";
  sftp.directory = "crashes";
  sftp.host = "backup.example.org";
  sftp.address = "2001:db8::7";
  sftp.user = "dump";
  sftp.port = 2222;
  sftp.key = "/etc/kdump/ssh/key";
  sftp.stall_limit = std::chrono::seconds(42);
  TargetPlan& nfs = plan.targets.emplace_back();
  nfs.kind = TargetKind::nfs;
  nfs.device = "nas:/export";
  nfs.filesystem = "nfs4";
  nfs.directory = "/";
  nfs.address = "192.0.2.9";
  TargetPlan& raw = plan.targets.emplace_back();
  raw.kind = TargetKind::raw;
  raw.device = "PARTUUID=1";
  raw.network_disks = {
      {NetworkDisk::Kind::iscsi, "2001:db8::3", 3260, "iqn.2003-01.org.example:crash",
       "iqn.1993-08.org.debian:01:abc", "", 1, "me", "a secret", "you", "another\""},
      {NetworkDisk::Kind::nvme_tcp, "192.0.2.3", 4420, "nqn.2014-08.org.example:crash",
       "nqn.2014-08.org.nvmexpress:uuid:1", "1-2-3", 0, "", "", "", ""}};
  InterfacePlan& eth0 = plan.network.interfaces.emplace_back();
  eth0.name = "eth0";
  eth0.mac = "52:54:00:12:34:56";
  eth0.mtu = 1500;
  InterfacePlan& bond0 = plan.network.interfaces.emplace_back();
  bond0.name = "bond0";
  bond0.kind = "bond";
  bond0.mac = "52:54:00:12:34:56";
  bond0.ports = {"eth0", "eth1"};
  bond0.options = {"mode=active-backup", "arp_ip_target=2001:db8::2"};
  InterfacePlan& vlan = plan.network.interfaces.emplace_back();
  vlan.name = "bond0.5";
  vlan.parent = "bond0";
  vlan.vlan = 5;
  vlan.addresses = {"192.0.2.7/24", "2001:db8::1/64"};
  plan.network.routes = {{"default", "192.0.2.1", "eth0", "192.0.2.7"}};
  plan.keep_free = 12345;
  plan.when_short = {WhenShort::stricter_level, WhenShort::refuse};
  plan.capture_limit = std::chrono::seconds(3600);
  plan.hook_limit = std::chrono::seconds(17);
  plan.hooks = {"/usr/bin/before me", "/usr/bin/after", "/usr/bin/help"};
  plan.fence_kdump = {"/usr/libexec/fence_kdump_send", "-p", "7410", "node2"};
  plan.image = ImageKind::dracut;
  return plan;
}

void expect_round_trip(const CapturePlan& plan) {
  const auto decoded = decode_capture_plan(encode(plan), "plan");
  ASSERT_TRUE(decoded) << decoded.error().message() << "\n" << encode(plan);
  EXPECT_EQ(*decoded, plan) << encode(plan);
}

std::string error_of(const std::string& text) {
  const auto decoded = decode_capture_plan(text, "capture.plan");
  return decoded ? "accepted" : decoded.error().message();
}

// The sample with one line replaced.
std::string with_line(const std::string& key, const std::string& line) {
  std::string text = encode(sample());
  size_t begin = text.find("\n" + key + " ") + 1;
  if (begin == 0) begin = text.find("\n" + key + "\n") + 1;
  return text.replace(begin, text.find('\n', begin) - begin, line);
}

TEST(CapturePlan, ComesBackAsItWas) {
  expect_round_trip(sample());
  expect_round_trip(full_sample());
  CapturePlan plain = sample();
  plain.targets.front().mount_options = "";
  plain.targets.front().directory = "/";
  plain.targets.front().device = "/dev/disk/by-path/pci-0000:00:05.0";
  plain.when_short.clear();
  expect_round_trip(plain);
}

TEST(CapturePlan, EveryActionComesBack) {
  for (const auto action : {FailureAction::reboot, FailureAction::halt, FailureAction::poweroff,
                            FailureAction::shell, FailureAction::dump_to_rootfs}) {
    CapturePlan plan = sample();
    plan.failure_action = action;
    expect_round_trip(plan);
  }
  for (const auto action : {FinalAction::reboot, FinalAction::halt, FinalAction::poweroff}) {
    CapturePlan plan = sample();
    plan.final_action = action;
    expect_round_trip(plan);
  }
}

TEST(CapturePlan, WordsOfAllKindsComeBack) {
  CapturePlan plan = sample();
  plan.targets.front().device = "LABEL=my crash \"disk\"\\";
  plan.targets.front().directory = "/var/Abstürze hier\n# keine";
  plan.core_collector = {"/usr/bin/makedump", "", " ", "\t", "a\"b\\c", "x\x7fy", "\\x41", "ü"};
  expect_round_trip(plan);
}

TEST(CapturePlan, EveryByteComesBackInAWord) {
  CapturePlan plan = sample();
  std::string all;
  for (int byte = 1; byte < 256; ++byte)
    all += static_cast<char>(byte);
  plan.core_collector = {"/usr/bin/makedump", all};
  expect_round_trip(plan);
}

TEST(CapturePlan, DamageIsRefused) {
  EXPECT_EQ(error_of(""), "capture.plan: no line \"version\"");
  const struct {
    std::string key, line, error;
  } kCases[] = {
      {"version", "version 1", "capture.plan:2: version 1"},
      {"device", "device vda", "device \"vda\": not a device"},
      {"device", "device UUID=", "device \"UUID=\": not a device"},
      {"device", "device", "takes one value"},
      {"device", "device /dev/a /dev/b", "takes one value"},
      {"filesystem", "filesystem \"../ext4\"", "filesystem \"../ext4\""},
      {"directory", "directory var", "not an absolute path"},
      {"directory", "directory /a/../../b", "upwards"},
      {"naming", "naming \"{ip}\"", ":4: naming"},
      {"naming", "naming \"a/{time}\"", ":4: naming"},
      {"core_collector", "core_collector makedump", ":6: core_collector"},
      {"failure_action", "failure_action dance", ":7: no such failure_action: dance"},
      {"final_action", "final_action shell", ":8: no such final_action: shell"},
      {"final_action", "sudden_action reboot", "unknown key"},
      {"final_action", "hostname x", "twice"},
      {"keep_free", "keep_free -1", "not a number of bytes"},
      {"keep_free", "keep_free 1x", "not a number of bytes"},
      {"capture_limit", "capture_limit 99999999999", "not a number of seconds"},
      {"hook_limit", "hook_limit -1", "not a number of seconds"},
      {"when_short", "when_short panic", "no such answer"},
      {"stall_limit", "port 70000", "not a port"},
      {"stall_limit", "image native", "twice"},
      {"stall_limit", "mood good", "unknown key \"mood\" of a target"},
      {"target", "target cloud", "no such kind of target: cloud"},
      {"target", "target path", "no such kind of target: path"},
      {"target", "target nfs", "no address"},
      {"target", "target sftp", "no user, or no host"},
      {"target", "route via=1.2.3.4", "route without a destination"},
      {"target", "", "unknown key"},
      {"end", "end\ntarget raw", "behind the end"},
  };
  for (const auto& one : kCases)
    EXPECT_THAT(error_of(with_line(one.key, one.line)), HasSubstr(one.error)) << one.line;
}

TEST(CapturePlan, BadQuotingIsRefused) {
  for (const char* line :
       {"device \"UUID=1", "device \"UUID=1\\", "device \"UUID=\\q\"", "device \"UUID=\\x0\"",
        "device \"UUID=\\xZZ\"", "device \"UUID=\\x00\"", "device \"UUID=1\"2", "device UUID=\"1\"",
        "device UUID=1\t2", "device UUID=$(reboot)"})
    EXPECT_THAT(error_of(with_line("device", line)), HasSubstr("capture.plan:")) << line;
}

TEST(CapturePlan, EveryCutIsRefused) {
  const std::string text = encode(sample());
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_NE(error_of(text.substr(0, length)), "accepted") << length;
}

TEST(CapturePlan, EveryMissingLineIsRefused) {
  for (const char* key :
       {"version", "image", "naming", "hostname", "core_collector", "failure_action",
        "final_action", "keep_free", "capture_limit", "hook_limit", "end"})
    EXPECT_EQ(error_of(with_line(key, "#")), "capture.plan: no line \"" + std::string(key) + "\"");
}

TEST(CapturePlan, AnOverlongFileIsRefused) {
  EXPECT_THAT(error_of(std::string(100000, '#')), HasSubstr("longer than"));
}

}  // namespace
}  // namespace kdump
