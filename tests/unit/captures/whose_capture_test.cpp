#include "daemon/captures/whose_capture.h"

#include <gtest/gtest.h>

#include "daemon/captures/remote_listing.h"

namespace kdump {
namespace {

constexpr char kName[] = "10.0.0.1-2026-11-20-21:27:35";
const HostNames kHost{"db1", "10.0.0.1", "{ip}-{time}"};

std::string manifest(const std::string& hostname, const std::string& id = kName) {
  return R"({"hostname":")" + hostname + R"(","id":")" + id + R"("})";
}

TEST(WhoseCapture, TheManifestSays) {
  EXPECT_EQ(whose_capture(kName, manifest("db1"), kHost), Whose::ours);
  EXPECT_EQ(whose_capture(kName, manifest("db10"), kHost), Whose::of_another);
  EXPECT_EQ(whose_capture(kName, manifest("db1.example.com"), kHost), Whose::of_another);
  // An address may have been another host's.
  const std::string before = "10.0.0.9-2026-11-20-21:27:35";
  EXPECT_EQ(whose_capture(before, manifest("db1", before), kHost), Whose::ours);
}

TEST(WhoseCapture, WhatIsNotCertainIsNotOurs) {
  EXPECT_EQ(whose_capture(kName, manifest("db1", "another"), kHost), Whose::perhaps);
  EXPECT_EQ(whose_capture(kName, manifest("localhost"), {"localhost", "10.0.0.1", "{ip}-{time}"}),
            Whose::perhaps);
  for (const auto& text : {std::optional<std::string>(), std::optional<std::string>("{"),
                           std::optional(manifest(""))}) {
    EXPECT_EQ(whose_capture(kName, text, kHost), Whose::perhaps);
    EXPECT_EQ(whose_capture("10.0.0.2-2026-11-20-21:27:35", text, kHost), Whose::of_another);
    EXPECT_EQ(whose_capture("kdump-test-1-2", text, kHost), Whose::of_another);
  }
}

TEST(WhoseCapture, NamesAreReadAsTheyAreMade) {
  EXPECT_TRUE(is_named_after(kName, kHost));
  EXPECT_FALSE(is_named_after("10.0.0.10-2026-11-20-21:27:35", kHost));
  EXPECT_FALSE(is_named_after("10.0.0.1-x-2026-11-20-21:27:35", kHost));
  EXPECT_FALSE(is_named_after(kName, {"db1", "", "{ip}-{time}"}));
  EXPECT_FALSE(is_named_after("2026-11-20-21:27:35", {"db1", "10.0.0.1", "{time}"}));
  EXPECT_TRUE(
      is_named_after("dump-db1-2026-11-20-21:27:35-2", {"db1", "", "dump-{hostname}-{time}"}));
  EXPECT_FALSE(is_named_after("dump-db1-", {"db1", "", "dump-{hostname}-{time}"}));
}

TEST(RemoteListing, IsReadAsItWasWritten) {
  CaptureFile dump, link;
  dump.name = "vmcore";
  dump.status.st_mode = S_IFREG | 0600;
  dump.status.st_size = 1025;
  dump.status.st_mtime = 1795210055;
  link.name = "na\xffme";
  link.status.st_mode = S_IFLNK | 0777;
  const RemoteListing listing{
      .captures = {{kName, true, CaptureListing({dump, link}), "{}"}, {"other", false, {}, {}}},
      .problems = {"it is slow"}};
  const auto read = decode_remote_listing(encode(listing));
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->captures.size(), 2U);
  const RemoteCapture& first = read->captures[0];
  EXPECT_EQ(first.name, kName);
  EXPECT_TRUE(first.ours);
  EXPECT_EQ(first.manifest, "{}");
  ASSERT_NE(first.files.dump(), nullptr);
  EXPECT_EQ(first.files.dump()->status.st_size, 1025);
  EXPECT_EQ(first.files.dump()->status.st_blocks, 3);
  EXPECT_FALSE(first.files.removal_order("x"));
  EXPECT_FALSE(read->captures[1].manifest);
  EXPECT_EQ(read->problems, listing.problems);
  for (const char* text :
       {"", "{}", "[]", R"({"captures":[1],"problems":[]})",
        R"({"captures":[{"name":"x","ours":true,"files":[["a",-1,0,0]]}],"problems":[]})"})
    EXPECT_FALSE(decode_remote_listing(text)) << text;
}

}  // namespace
}  // namespace kdump
