#include "daemon/captures/captures.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/captures/capture_manifest.h"
#include "daemon/captures/capture_text.h"
#include "daemon/captures/verify.h"
#include "initramfs/image/mounted.h"
#include "makedump/compress/crc32.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FindCaptures : public testing::Test {
 protected:
  FindCaptures() { paths.root = directory.path(); }

  // A file of a capture below var/crash, of an age.
  void add(const std::string& file, int64_t modified, const std::string& content = "x") {
    const std::string path = directory.write("var/crash/" + file, content);
    const timespec times[2] = {{modified, 0}, {modified, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  std::vector<std::string> found() {
    problems.clear();
    std::vector<std::string> ids;
    for (const Capture& capture : find_captures(paths, settings, problems))
      ids.push_back(capture.id + " " + std::string(name_of(capture.state)));
    return ids;
  }

  TempDir directory;
  HostPaths paths;
  Settings settings;
  std::vector<std::string> problems;
};

TEST_F(FindCaptures, NoDirectoryIsNoCapturesAndNoProblem) {
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(FindCaptures, OfEveryMakerNewestFirst) {
  add("127.0.0.1-2026-11-20-21:27:35/vmcore", 100);
  add("202611232127/dump.202611232127", 300);
  add("202611232127/dmesg.202611232127", 300);
  add("2026-11-23-21-27/vmcore", 200);
  add("2026-11-23-21-27/README.txt", 200);
  add("127.0.0.1-2026-11-21-00:00:00/vmcore-incomplete", 400);
  add("kdump-test-1-2/vmcore-dmesg.txt", 500);
  add("10.0.0.1-2026-11-22-00:00:00/vmcore.flat", 50);
  EXPECT_THAT(found(),
              ElementsAre("kdump-test-1-2 dmesg_only", "127.0.0.1-2026-11-21-00:00:00 incomplete",
                          "202611232127 complete", "2026-11-23-21-27 complete",
                          "127.0.0.1-2026-11-20-21:27:35 complete",
                          "10.0.0.1-2026-11-22-00:00:00 complete"));
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(FindCaptures, NothingElse) {
  add("analysis/vmcore", 1);
  add("127.0.0.1-2026-11-20-21:27:35/notes.txt", 1);
  add("2026-11-23-21-27/README.txt", 1);
  add("2026-11-23-21:27", 1);  // a file
  directory.write("elsewhere/vmcore", "x");
  directory.link("var/crash/127.0.0.1-2026-01-01-00:00:00", directory.path("elsewhere"));
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(FindCaptures, OnAFileSystemOfItsOwn) {
  settings.targets = {Target{}};
  settings.targets[0].kind = TargetKind::filesystem;
  settings.targets[0].type = "ext4";
  settings.targets[0].device = "UUID=11-22";
  directory.write("mnt/dumps/var/crash/127.0.0.1-2026-11-20-21:27:35/vmcore", "x");
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(problems, ElementsAre("ext4 UUID=11-22: UUID=11-22: no such block device"));

  directory.link("dev/disk/by-uuid/11-22", "../../vdb1");
  directory.write("proc/self/mountinfo", "21 1 253:1 / / rw - ext4 /dev/vda1 rw\n");
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(problems,
              ElementsAre("ext4 UUID=11-22: not mounted, so captures on it are not seen"));

  directory.write("proc/self/mountinfo",
                  "21 1 253:1 / / rw - ext4 /dev/vda1 rw\n"
                  "22 21 253:17 /sub /srv rw - ext4 /dev/vdb1 rw\n"
                  "23 21 253:17 / /mnt/dumps rw - ext4 /dev/vdb1 rw\n");
  EXPECT_THAT(found(), ElementsAre("127.0.0.1-2026-11-20-21:27:35 complete"));
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(FindCaptures, OnASharedFileSystemOnlyOurOwnIsOurs) {
  settings.targets = {Target{}};
  settings.targets[0].kind = TargetKind::nfs;
  settings.targets[0].nfs_source = "server:/export/";
  directory.write("proc/self/mountinfo", "21 1 0:50 / /net rw - nfs4 server:/export rw\n");
  char hostname[256] = "";
  ASSERT_EQ(::gethostname(hostname, sizeof(hostname)), 0);
  const auto manifest = [](const std::string& host) { return "{\"hostname\":\"" + host + "\"}"; };
  const std::string above = "net/var/crash/10.0.0.";
  for (const auto& [who, text] : {std::pair<std::string, std::string>("1", manifest(hostname)),
                                  {"2", manifest("another")},
                                  {"3", manifest("")},
                                  {"4", "{}"}})
    directory.write(above + who + "-2026-11-20-21:27:35/vmcore.json", text);
  directory.write(above + "5-2026-11-20-21:27:35/vmcore", "no manifest");
  const auto captures = find_captures(paths, settings, problems);
  EXPECT_EQ(captures.size(), 5U);
  for (const Capture& capture : captures)
    EXPECT_EQ(capture.ours, capture.id.starts_with("10.0.0.1-")) << capture.id;
}

TEST_F(FindCaptures, WhatAnotherUserMadeIsNotOurs) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes another user's directory";
  add("127.0.0.1-2026-11-20-21:27:35/vmcore", 100);
  ASSERT_EQ(::chown((directory.path() + "/var/crash/127.0.0.1-2026-11-20-21:27:35").c_str(), 65534,
                    65534),
            0);
  const auto captures = find_captures(paths, settings, problems);
  ASSERT_EQ(captures.size(), 1U);
  EXPECT_FALSE(captures[0].ours);
}

TEST_F(FindCaptures, ManifestsAreShownAndNotBelieved) {
  add("127.0.0.1-2026-11-20-21:27:35/vmcore", 100);
  add("127.0.0.1-2026-11-20-21:27:35/vmcore.json", 100,
      R"({"state":"dmesg_only","panic":"a\u001b[31mb\u00e9","kernel":{"release":"6.1.0"},)"
      R"("crash_time":99,"capture":{"begin":5000,"least_available_kib":77},"bytes_written":1,)"
      R"("page_size":4096,"pages":{"classes":{"kept":3,"zero":2}},"crc32":"8cdc1683"})");
  const auto captures = find_captures(paths, settings, problems);
  ASSERT_EQ(captures.size(), 1U);
  EXPECT_EQ(captures[0].state, Capture::State::complete);
  EXPECT_EQ(captures[0].panic, "a?[31mb??");
  EXPECT_EQ(captures[0].kernel_release, "6.1.0");
  EXPECT_EQ(captures[0].at, 5000);
  EXPECT_EQ(captures[0].crashed_at, 99);
  EXPECT_EQ(captures[0].least_available_kib, 77U);
  EXPECT_EQ(captures[0].stored_bytes, 5U * 4096);
  EXPECT_EQ(verify_capture(captures[0]).kind, Verdict::Kind::ok);
}

TEST(CaptureManifest, HostileOnesDoNoHarm) {
  const std::string deep = std::string(300000, '[') + std::string(300000, ']');
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{"), deep,
        std::string(R"({"a":1}x)"), std::string("\xff\xfe")}) {
    Capture capture;
    EXPECT_FALSE(read_manifest(text, capture));
    EXPECT_FALSE(capture.has_manifest);
    EXPECT_EQ(describe_manifest(text), "");
  }
  for (const std::string& text :
       {std::string("{\"panic\":") + deep + "}",
        std::string(R"({"kernel":7,"panic":{"x":1},"capture":"no","pages":[],"warnings":{"a":1}})"),
        std::string(R"({"crash_time":-1,"seconds":-5,"page_size":-4096,"bytes_written":1e300})"),
        std::string(R"({"crash_time":18446744073709551615,"seconds":1e308,"crc32":"+1234567"})"),
        std::string(
            R"({"page_size":18446744073709551615,"peak_memory_kib":18446744073709551615,)"
            R"("pages":{"total":9,"classes":{"kept":18446744073709551615,"zero":7,"x":"y"}}})"),
        std::string(R"({"capture":{"failed_before":[7,{"target":1},null],"begin":-9,"end":"x"}})"),
        std::string(R"({"warnings":[1,"w\n\u0007",[]],"crc32":"zzzzzzzz","hostname":["a"]})")}) {
    Capture capture;
    EXPECT_TRUE(read_manifest(text, capture)) << text.substr(0, 80);
    EXPECT_FALSE(capture.crc32);
    EXPECT_GE(capture.crashed_at, 0);
    EXPECT_GE(capture.seconds, 0);
    const std::string words = describe_manifest(text);
    for (const char c : words)
      EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << words;
  }
  Capture capture;
  ASSERT_TRUE(read_manifest("{\"panic\":\"" + std::string(100000, 'p') + "\"}", capture));
  EXPECT_EQ(capture.panic.size(), 400U);
}

TEST(CaptureText, TableHasColumns) {
  ASSERT_EQ(::setenv("TZ", "UTC", 1), 0);
  Capture capture;
  capture.id = "127.0.0.1-2026-11-20-21:27:35\n";
  capture.panic = "sysrq: Trigger a crash";
  capture.bytes = 3 << 20;
  EXPECT_EQ(captures_table({}), "");
  EXPECT_THAT(captures_table({capture}),
              HasSubstr("127.0.0.1-2026-11-20-21:27:35?  1970-01-01 00:00:00  -       dmesg_only  "
                        "3.0 MiB  sysrq: Trigger a crash\n"));
}

class Verify : public testing::Test {
 protected:
  Verify() {
    capture.directory = directory.path("127.0.0.1-2026-11-20-21:27:35");
    capture.dump = "vmcore";
  }
  void dump(const std::string& content) {
    directory.write("127.0.0.1-2026-11-20-21:27:35/vmcore", content);
    capture.dump_bytes = content.size();
    capture.crc32 = crc32(0, as_bytes(content));
  }

  TempDir directory;
  Capture capture;
};

TEST_F(Verify, WhatWasWrittenIsOk) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, (size_t{3} << 20) + 7}) {
    dump(std::string(size, 'v'));
    EXPECT_EQ(verify_capture(capture).kind, Verdict::Kind::ok) << size;
  }
}

TEST_F(Verify, OneBitIsEnough) {
  std::string content(100000, 'v');
  dump(content);
  content[77777] ^= 1;
  const uint32_t expected = *capture.crc32;
  dump(content);
  capture.crc32 = expected;
  const Verdict verdict = verify_capture(capture);
  EXPECT_EQ(verdict.kind, Verdict::Kind::damaged);
  EXPECT_THAT(verdict.why, HasSubstr(crc32_text(expected)));
}

TEST_F(Verify, AnotherLengthIsToldWithoutReading) {
  dump("12345");
  capture.dump_bytes = 6;
  EXPECT_EQ(verify_capture(capture).why, "it has 5 bytes, 6 were written");
}

TEST_F(Verify, HolesAreZerosThatNobodyReads) {
  dump("start");
  const std::string path = directory.path("127.0.0.1-2026-11-20-21:27:35/vmcore");
  constexpr uint64_t kLength = uint64_t{1} << 40;  // a terabyte takes no time
  std::filesystem::resize_file(path, kLength);
  const Fd fd = *open_file(path, O_WRONLY);
  ASSERT_TRUE(pwrite_all(fd, as_bytes("end"), FileOffset(kLength - 3), path));
  capture.dump_bytes = kLength;
  const uint64_t hole = kLength - 8;
  uint32_t crc = crc32_combine(crc32(0, as_bytes("start")), crc32_of_zeros(hole), hole);
  crc = crc32_combine(crc, crc32(0, as_bytes("end")), 3);
  capture.crc32 = crc;
  EXPECT_EQ(verify_capture(capture).kind, Verdict::Kind::ok);
}

TEST_F(Verify, WithoutASumNothingIsSaid) {
  dump("x");
  capture.crc32.reset();
  EXPECT_EQ(verify_capture(capture).kind, Verdict::Kind::not_known);
  capture.dump = "";
  EXPECT_EQ(verify_capture(capture).kind, Verdict::Kind::not_known);
}

}  // namespace
}  // namespace kdump
