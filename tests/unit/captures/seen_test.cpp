#include "daemon/captures/seen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::HasSubstr;

class Seen : public testing::Test {
 protected:
  Seen() {
    paths.root = directory.path();
    directory.write("var/lib/kdump/here", "");
  }
  TempDir directory;
  HostPaths paths;
};

TEST_F(Seen, ComesBackAsItWas) {
  const auto none = read_seen(paths);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  SeenCaptures seen;
  seen["/var/crash/\"a\"\n"] = {.notified = true, .attempts = 0};
  seen["/var/crash/b"] = {.notified = false, .attempts = 2};
  ASSERT_TRUE(write_seen(paths, seen));
  const auto again = read_seen(paths);
  ASSERT_TRUE(again && *again);
  ASSERT_EQ((*again)->size(), 2U);
  EXPECT_TRUE((**again).at("/var/crash/\"a\"\n").notified);
  EXPECT_EQ((**again).at("/var/crash/b").attempts, 2U);
}

TEST_F(Seen, DamageIsToldAndNotTakenForTheFirstTime) {
  for (const char* text : {"", "{", "[]", "{\"captures\":[]}", "{\"captures\":{\"a\":1}}",
                           "{\"captures\":{\"a\":{\"notified\":1,\"attempts\":0}}}",
                           "{\"captures\":{\"a\":{\"notified\":true,\"attempts\":-1}}}"}) {
    directory.write("var/lib/kdump/captures.json", text);
    const auto seen = read_seen(paths);
    ASSERT_FALSE(seen) << text;
    EXPECT_THAT(seen.error().message(), HasSubstr("captures.json: is damaged: remove it"));
  }
}

}  // namespace
}  // namespace kdump
