#include "daemon/watch/watch_list.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

TEST(WatchList, IsReadAsItWasWritten) {
  const WatchList list{.files = {"/root/.ssh/key", "/a path with blanks"},
                       .directories = {"/efi/kernels"},
                       .devices = {"UUID=1234", "/dev/vdb", "PARTLABEL=a b"},
                       .mounts = {"/var/crash", "/srv/a b"},
                       .network = true,
                       .prove_every = std::chrono::hours(2)};
  const auto read = decode_watch_list(encode(list));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, list);
  const auto empty = decode_watch_list("");
  ASSERT_TRUE(empty);
  EXPECT_EQ(*empty, WatchList{});
}

TEST(WatchList, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"nonsense\n", "file\n", "file \n", "\n", "network x\n", "prove-every\n",
                           "prove-every -1\n", "prove-every x\n", "files /a\n"})
    EXPECT_FALSE(decode_watch_list(text)) << text;
}

TEST(WatchList, KnowsTheFixedPlaces) {
  const WatchList list = fixed_watch_list({.root = "/r"}, "6.1", "/usr/libexec/kdumpd");
  EXPECT_EQ(list.files.front(), "/r/etc/kdump.conf");
  EXPECT_EQ(list.directories.back(), "/r/lib/modules/6.1");
  EXPECT_TRUE(list.devices.empty());
}

}  // namespace
}  // namespace kdump
