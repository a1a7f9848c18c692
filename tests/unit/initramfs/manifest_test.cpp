#include "initramfs/plan/manifest.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace kdump {
namespace {

using nlohmann::json;

CaptureRecord record() {
  CaptureRecord record;
  record.id = "127.0.0.1-2026-11-20-21:27:35";
  record.directory = "/var/crash/" + record.id;
  record.state = "complete";
  record.hostname = "db1";
  record.target = "ext4 UUID=1";
  record.failed_before = {{"nfs host:/x", "no answer"}};
  record.hooks = {{"kdump_pre", "/opt/pre", 3, "no (failed with status 3)", 1.5}};
  record.begun = 100;
  record.ended = 160;
  record.least_available_kib = 4096;
  return record;
}

TEST(Manifest, BothSidesAreInIt) {
  const json manifest =
      json::parse(complete_manifest({R"({"format":1,"panic":"BUG: a","crash_time":99})",
                                     R"({"format":1,"panic":"BUG: b","crc32":"00000001"})"},
                                    record()));
  EXPECT_EQ(manifest["panic"], "BUG: b");
  EXPECT_EQ(manifest["crash_time"], 99);
  EXPECT_EQ(manifest["crc32"], "00000001");
  EXPECT_EQ(manifest["id"], record().id);
  EXPECT_EQ(manifest["state"], "complete");
  EXPECT_EQ(manifest["capture"]["failed_before"][0]["error"], "no answer");
  EXPECT_EQ(manifest["capture"]["end"], 160);
  EXPECT_EQ(manifest["capture"]["hooks"][0], json({{"hook", "kdump_pre"},
                                                   {"program", "/opt/pre"},
                                                   {"status", 3},
                                                   {"error", "no (failed with status 3)"},
                                                   {"seconds", 1.5}}));
}

TEST(Manifest, IsWrittenWithoutMakedumpsPart) {
  for (const std::string& damaged :
       {std::string(), std::string("{\"panic\": \"BU"), std::string("[1]"), std::string("null"),
        std::string(7, '\0')}) {
    CaptureRecord failed = record();
    failed.state = "failed";
    failed.error = "killed";
    const json manifest = json::parse(complete_manifest({damaged}, failed));
    EXPECT_EQ(manifest["format"], 1);
    EXPECT_EQ(manifest["error"], "killed");
    EXPECT_FALSE(manifest.contains("panic"));
  }
}

// What a hostile vmcore made of makedump must neither end this nor speak for it.
TEST(Manifest, AHostilePartIsContained) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  const std::string text =
      complete_manifest({R"({"state":"complete","id":"../..","x":)" + deep + "}",
                         R"({"state":"complete","capture":7,"panic":")"
                         "\xff"
                         R"("})"},
                        [] {
                          CaptureRecord failed = record();
                          failed.state = "incomplete";
                          failed.error = "\xfe";
                          return failed;
                        }());
  const json manifest = json::parse(text);
  EXPECT_EQ(manifest["state"], "incomplete");
  EXPECT_EQ(manifest["id"], record().id);
  EXPECT_EQ(manifest["capture"]["target"], "ext4 UUID=1");
  EXPECT_LT(text.size(), 4096U);
}

}  // namespace
}  // namespace kdump
