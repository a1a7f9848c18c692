#include "initramfs/capture_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kdump {
namespace {

using testing::HasSubstr;

CapturePlan sample() {
  CapturePlan plan;
  plan.device = "UUID=6b64756d-7064-4000-8000-000000000001";
  plan.filesystem = "ext4";
  plan.mount_options = "rw,errors=remount-ro";
  plan.directory = "/var/crash";
  plan.naming = "{hostname}-{time}";
  plan.hostname = "db1.example.org";
  plan.core_collector = {"/usr/bin/makedump", "-l", "--message-level", "7", "-d", "31"};
  plan.failure_action = FailureAction::poweroff;
  plan.final_action = FinalAction::halt;
  return plan;
}

void expect_same(const CapturePlan& a, const CapturePlan& b) {
  EXPECT_EQ(a.device, b.device);
  EXPECT_EQ(a.filesystem, b.filesystem);
  EXPECT_EQ(a.mount_options, b.mount_options);
  EXPECT_EQ(a.directory, b.directory);
  EXPECT_EQ(a.naming, b.naming);
  EXPECT_EQ(a.hostname, b.hostname);
  EXPECT_EQ(a.core_collector, b.core_collector);
  EXPECT_EQ(a.failure_action, b.failure_action);
  EXPECT_EQ(a.final_action, b.final_action);
}

void expect_round_trip(const CapturePlan& plan) {
  const auto decoded = decode_capture_plan(encode(plan), "plan");
  ASSERT_TRUE(decoded) << decoded.error().message() << "\n" << encode(plan);
  expect_same(*decoded, plan);
}

std::string error_of(const std::string& text) {
  const auto decoded = decode_capture_plan(text, "capture.plan");
  return decoded ? "accepted" : decoded.error().message();
}

// The sample with one line replaced.
std::string with_line(const std::string& key, const std::string& line) {
  std::string text = encode(sample());
  const size_t begin = text.find("\n" + key + " ") + 1;
  return text.replace(begin, text.find('\n', begin) - begin, line);
}

TEST(CapturePlan, ComesBackAsItWas) {
  expect_round_trip(sample());
  CapturePlan plain = sample();
  plain.mount_options = "";
  plain.directory = "/";
  plain.device = "/dev/disk/by-path/pci-0000:00:05.0";
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
  plan.device = "LABEL=my crash \"disk\"\\";
  plan.directory = "/var/Abstürze hier\n# keine";
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

TEST(CapturePlan, DamageIsRefusedWithItsLine) {
  EXPECT_EQ(error_of(""), "capture.plan: no line \"version\"");
  EXPECT_THAT(error_of(with_line("version", "version 2")), HasSubstr("capture.plan:2: version 2"));
  EXPECT_THAT(error_of(with_line("device", "device vda")), HasSubstr("capture.plan:3: device"));
  EXPECT_THAT(error_of(with_line("device", "device UUID=")), HasSubstr("capture.plan:3: device"));
  EXPECT_THAT(error_of(with_line("device", "device")), HasSubstr(":3: not \"key value\""));
  EXPECT_THAT(error_of(with_line("device", "device /dev/a /dev/b")), HasSubstr("takes one value"));
  EXPECT_THAT(error_of(with_line("filesystem", "filesystem \"../ext4\"")), HasSubstr(":4: "));
  EXPECT_THAT(error_of(with_line("directory", "directory var")), HasSubstr(":6: directory"));
  EXPECT_THAT(error_of(with_line("directory", "directory /a/../../b")), HasSubstr("upwards"));
  EXPECT_THAT(error_of(with_line("naming", "naming \"{ip}\"")), HasSubstr(":7: naming"));
  EXPECT_THAT(error_of(with_line("naming", "naming \"a/{time}\"")), HasSubstr(":7: naming"));
  EXPECT_THAT(error_of(with_line("core_collector", "core_collector makedump")), HasSubstr(":9: "));
  EXPECT_THAT(error_of(with_line("failure_action", "failure_action dance")), HasSubstr(":10: "));
  EXPECT_THAT(error_of(with_line("final_action", "final_action shell")), HasSubstr(":11: "));
  EXPECT_THAT(error_of(with_line("final_action", "sudden_action reboot")),
              HasSubstr("unknown key"));
  EXPECT_THAT(error_of(with_line("final_action", "device /dev/vda")), HasSubstr("twice"));
}

TEST(CapturePlan, BadQuotingIsRefused) {
  for (const char* line :
       {"device \"UUID=1", "device \"UUID=1\\", "device \"UUID=\\q\"", "device \"UUID=\\x0\"",
        "device \"UUID=\\xZZ\"", "device \"UUID=\\x00\"", "device \"UUID=1\"2", "device UUID=\"1\"",
        "device UUID=1\t2", "device UUID=$(reboot)"})
    EXPECT_THAT(error_of(with_line("device", line)), HasSubstr("capture.plan:3: ")) << line;
}

TEST(CapturePlan, EveryCutIsRefused) {
  const std::string text = encode(sample());
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_NE(error_of(text.substr(0, length)), "accepted") << length;
}

TEST(CapturePlan, EveryMissingLineIsRefused) {
  for (const char* key : {"version", "device", "filesystem", "mount_options", "directory",
                          "core_collector", "failure_action", "final_action"})
    EXPECT_EQ(error_of(with_line(key, "#")), "capture.plan: no line \"" + std::string(key) + "\"");
}

TEST(CapturePlan, AnOverlongFileIsRefused) {
  EXPECT_THAT(error_of(std::string(100000, '#')), HasSubstr("longer than"));
}

}  // namespace
}  // namespace kdump
