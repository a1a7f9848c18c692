#include "daemon/captures/raw_recovery.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "daemon/captures/captures.h"
#include "daemon/captures/verify.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string big_endian(uint64_t value) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xff);
  return text;
}

std::string flattened(const std::string& dump) {
  std::string text = "makedumpfile";
  text.resize(16);
  text += big_endian(1) + big_endian(1);
  text.resize(4096);
  text += big_endian(0) + big_endian(dump.size()) + dump;
  return text + std::string(16, '\xff');
}

std::string kdump_file() {
  std::string dump = "KDUMP   ";
  dump.resize(12 + 2 * 65);
  dump += std::string("6.1.0-test") + '\0';
  dump.resize(100000, 'p');
  return dump;
}

class RecoverRaw : public testing::Test {
 protected:
  RecoverRaw() {
    paths.root = directory.path();
    target.kind = TargetKind::raw;
    target.device = "/dev/vdb";
  }
  void put(const std::string& text) {
    device = text + std::string(100, 'r');
    directory.write("dev/vdb", device);
  }
  std::vector<Capture> captures() {
    settings.targets = {target};
    std::vector<std::string> problems;
    return find_captures(paths, settings, problems);
  }
  [[nodiscard]] bool is_untouched() const { return directory.content("dev/vdb") == device; }
  [[nodiscard]] bool is_cleared() const {
    return directory.content("dev/vdb") == std::string(512, '\0') + device.substr(512);
  }
  std::string error() {
    const auto recovered = recover_raw(paths, settings, target);
    return recovered ? "no error" : recovered.error().message();
  }

  TempDir directory;
  HostPaths paths;
  Settings settings;
  Target target;
  std::string device;
};

TEST_F(RecoverRaw, ADumpBecomesACapture) {
  put(flattened(kdump_file()));
  const auto recovered = recover_raw(paths, settings, target);
  ASSERT_TRUE(recovered) << recovered.error().message();
  ASSERT_TRUE(*recovered);
  EXPECT_THAT((*recovered)->directory, MatchesRegex(".*/var/crash/[0-9-]{10}-[0-9]{2}:[0-9]{2}"));
  EXPECT_EQ((*recovered)->warning, "");
  EXPECT_TRUE(is_cleared());

  const auto found = captures();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].directory, (*recovered)->directory);
  EXPECT_EQ(found[0].state, Capture::State::complete);
  EXPECT_EQ(found[0].kernel_release, "6.1.0-test");
  EXPECT_EQ(found[0].target, "raw /dev/vdb");
  EXPECT_TRUE(found[0].ours);
  EXPECT_EQ(verify_capture(found[0]).kind, Verdict::Kind::ok);

  const auto again = recover_raw(paths, settings, target);
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
}

TEST_F(RecoverRaw, ADeviceWithoutADumpIsLeftAlone) {
  for (const std::string& content : {std::string(), std::string("x"), std::string(10000, 'z')}) {
    put(content);
    const auto recovered = recover_raw(paths, settings, target);
    ASSERT_TRUE(recovered);
    EXPECT_FALSE(*recovered);
    EXPECT_TRUE(is_untouched());
  }
  EXPECT_TRUE(captures().empty());
}

TEST_F(RecoverRaw, WhatIsLeftOfADamagedOneIsKeptOnce) {
  put(flattened(kdump_file()).substr(0, 50000));
  EXPECT_THAT(error(), HasSubstr("is damaged; "));
  EXPECT_TRUE(is_cleared());
  const auto found = captures();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, Capture::State::incomplete);
  EXPECT_THAT(found[0].error, HasSubstr("cut short"));
  EXPECT_EQ(error(), "no error");
}

// "makedumpfile" and then nonsense: nothing of it may end up in a file system at random offsets.
TEST_F(RecoverRaw, HostileStreamsAreDamagedOnes) {
  std::string text = flattened("KDUMP   ");
  text.replace(4096, 8, big_endian(uint64_t{1} << 62));
  put(text);
  EXPECT_THAT(error(), HasSubstr("is no part of a dump"));
  EXPECT_TRUE(is_cleared());
}

TEST_F(RecoverRaw, WithoutRoomItStaysOnTheDevice) {
  put(flattened(kdump_file()));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{65536, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("stays there, and will be tried again: "));
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_TRUE(is_untouched());
  EXPECT_TRUE(captures().empty());
  EXPECT_EQ(error(), "no error");  // there is room now
  EXPECT_EQ(captures().size(), 1U);
}

TEST_F(RecoverRaw, TwoInAMinuteAreTwo) {
  for (int i = 0; i < 3; ++i) {
    put(flattened(kdump_file()));
    EXPECT_EQ(error(), "no error");
  }
  EXPECT_EQ(captures().size(), 3U);
}

TEST_F(RecoverRaw, WhatIsNoDeviceIsRefused) {
  std::filesystem::create_directories(directory.path("dev/vdb"));
  EXPECT_THAT(error(), HasSubstr("/dev/vdb: is not a block device"));
  target.device = "/dev/null";
  directory.link("dev/null", "/dev/null");
  EXPECT_THAT(error(), HasSubstr("is not a block device"));
  target.device = "/dev/vdc";
  EXPECT_THAT(error(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace kdump
