#include "daemon/captures/raw_recovery.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "daemon/captures/captures.h"
#include "daemon/captures/verify.h"
#include "initramfs/plan/raw_format.h"
#include "makedump/compress/crc32.h"
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

// kdump-capture's own form: a header, the log, the manifest, the dump.
class RecoverOurs : public RecoverRaw {
 protected:
  RecoverOurs() {
    header.sequence = 3;
    header.dump_at = kRawFilesAt + (1 << 20);
    header.id = "127.0.0.1-2026-11-23-21:27:35";
    stream = flattened(kdump_file());
    header.dump_bytes = stream.size();
    header.dump = RawDump::complete;
    add("vmcore-dmesg.txt", std::string(5000, 'l'));
    add("kexec-dmesg.log", "[ 1.0] saved\n");
    add("vmcore.json", manifest(kdump_file()));
  }
  static std::string manifest(const std::string& dump) {
    return R"({"format": 1, "id": "x", "state": "complete", "error": "", "panic": "BUG: of the test", "crc32": ")" +
           crc32_text(crc32(0, as_bytes(dump))) + R"(", "bytes_written": )" +
           std::to_string(dump.size()) + "}";
  }
  void add(const std::string& name, const std::string& text) {
    std::erase_if(header.files, [&](const RawFile& file) { return file.name == name; });
    header.files.push_back({name, files_end, text.size(), crc32(0, as_bytes(text))});
    content.resize(files_end);
    content += text;
    files_end = to_raw_block(content.size());
  }
  // The device as a capture leaves it; `older` is what its other copy of the header says.
  void put_ours(std::optional<RawHeader> older = std::nullopt) {
    std::string text = content;
    text.resize(header.dump_at);
    text += stream;
    text.resize(to_raw_block(text.size()) + (1 << 20), 'r');
    header.device_bytes = text.size();
    const auto block = encode(header);
    ASSERT_TRUE(block);
    text.replace(kRawBlock, kRawBlock, as_text(*block));
    text.replace(0, kRawBlock, kRawBlock, '\0');
    if (older) text.replace(0, kRawBlock, as_text(*encode(*older)));
    device = text;
    directory.write("dev/vdb", device);
  }
  [[nodiscard]] bool is_header_gone() const {
    return directory.content("dev/vdb") ==
           std::string(kRawFilesAt, '\0') + device.substr(kRawFilesAt);
  }
  std::string saved(const std::string& name) {
    return directory.content("var/crash/" + header.id + "/" + name);
  }

  RawHeader header;
  std::string content = std::string(kRawFilesAt, '\0'), stream;
  uint64_t files_end = kRawFilesAt;
};

TEST_F(RecoverOurs, EverythingComesBack) {
  put_ours();
  EXPECT_EQ(error(), "no error");
  EXPECT_TRUE(is_header_gone());
  EXPECT_EQ(saved("vmcore-dmesg.txt"), std::string(5000, 'l'));
  EXPECT_EQ(saved("kexec-dmesg.log"), "[ 1.0] saved\n");
  EXPECT_EQ(saved("vmcore"), kdump_file());
  const auto found = captures();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, header.id);
  EXPECT_EQ(found[0].state, Capture::State::complete);
  EXPECT_EQ(found[0].panic, "BUG: of the test");
  EXPECT_EQ(verify_capture(found[0]).kind, Verdict::Kind::ok);
  EXPECT_EQ(error(), "no error");
  EXPECT_EQ(captures().size(), 1U) << "once";
}

TEST_F(RecoverOurs, TheNewerWholeHeaderCounts) {
  RawHeader older = header;
  older.sequence = 2;
  older.dump = RawDump::none;
  put_ours(older);
  EXPECT_EQ(error(), "no error");
  EXPECT_EQ(saved("vmcore"), kdump_file());
}

TEST_F(RecoverOurs, ATornHeaderLeavesTheOtherOne) {
  RawHeader older = header;
  older.sequence = 2;
  older.dump = RawDump::incomplete;
  older.dump_bytes = 50000;
  put_ours(older);
  device.replace(kRawBlock + 2000, 100, 100, 'x');
  directory.write("dev/vdb", device);
  EXPECT_EQ(error(), "no error");
  EXPECT_EQ(captures().at(0).state, Capture::State::incomplete);
  EXPECT_EQ(saved("vmcore-dmesg.txt"), std::string(5000, 'l'));
  EXPECT_FALSE(saved("vmcore-incomplete").empty());
}

TEST_F(RecoverOurs, WithoutAWholeHeaderItIsGivenUp) {
  put_ours();
  device.replace(kRawBlock + 2000, 100, 100, 'x');
  directory.write("dev/vdb", device);
  EXPECT_THAT(error(), HasSubstr("its checksum is wrong; it cannot be recovered"));
  EXPECT_EQ(error(), "no error");
  EXPECT_TRUE(captures().empty());
}

TEST_F(RecoverOurs, TheLogAloneIsACapture) {
  header.dump = RawDump::none;
  header.dump_bytes = 0;
  add("vmcore.json", R"({"state": "dmesg_only", "error": "there was no room"})");
  put_ours();
  EXPECT_EQ(error(), "no error");
  const auto found = captures();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, Capture::State::dmesg_only);
  EXPECT_EQ(found[0].error, "there was no room");
  EXPECT_EQ(saved("vmcore-dmesg.txt"), std::string(5000, 'l'));
  EXPECT_EQ(saved("vmcore") + saved("vmcore-incomplete"), "");
}

// What the device holds is not what was written: that it was complete once helps nobody.
TEST_F(RecoverOurs, DamageIsNoticed) {
  stream[stream.size() - 1000] = 'x';
  put_ours();
  EXPECT_THAT(error(), HasSubstr("has not the checksum that it was saved with"));
  const auto found = captures();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, Capture::State::incomplete);
  EXPECT_THAT(found[0].error, HasSubstr("has not the checksum"));
  EXPECT_TRUE(is_header_gone());
}

TEST_F(RecoverOurs, ADamagedLogIsLabelled) {
  content[kRawFilesAt + 3] = 'x';
  put_ours();
  const auto recovered = recover_raw(paths, settings, target);
  ASSERT_TRUE(recovered) << recovered.error().message();
  EXPECT_THAT((*recovered)->warning, HasSubstr("vmcore-dmesg.txt is damaged"));
  EXPECT_EQ(saved("vmcore-dmesg.txt"), "");
  EXPECT_EQ(saved("vmcore-dmesg-incomplete.txt").size(), 5000U);
  EXPECT_EQ(saved("vmcore"), kdump_file());
}

TEST_F(RecoverOurs, FilesAreNoWayToTheDump) {
  add("vmcore", "not a dump");
  add("vmcore-incomplete", "neither");
  put_ours();
  EXPECT_EQ(error(), "no error");
  EXPECT_EQ(saved("vmcore"), kdump_file());
}

TEST_F(RecoverOurs, AManifestOfNonsenseIsReplaced) {
  for (const char* nonsense :
       {"", "[]", "{\"capture\": 7, \"error\": [], \"crc32\": {}}", "{{{{{{{{"}) {
    SCOPED_TRACE(nonsense);
    add("vmcore.json", nonsense);
    put_ours();
    EXPECT_EQ(error(), "no error");
    EXPECT_EQ(captures().at(0).state, Capture::State::complete);
  }
}

}  // namespace
}  // namespace kdump
