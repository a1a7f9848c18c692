#include "daemon/watch/mount_watch.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

constexpr char kHost[] =
    "22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
    "23 22 0:21 / /proc rw - proc proc rw\n"
    "30 22 253:17 / /var rw shared:7 master:2 - xfs /dev/vdb1 rw\n"
    "31 30 0:40 /export /var/crash rw - nfs4 server:/export rw\n"
    "32 22 253:33 /@dumps /srv/a\\040b rw - btrfs /dev/vdc1 rw\n";

TEST(MountThatHolds, IsTheDeepestOnTheWay) {
  EXPECT_EQ(mount_that_holds(kHost, "/etc"), "253:1 / ext4");
  EXPECT_EQ(mount_that_holds(kHost, "/"), "253:1 / ext4");
  EXPECT_EQ(mount_that_holds(kHost, "/var/lib"), "253:17 / xfs");
  EXPECT_EQ(mount_that_holds(kHost, "/var/crash"), "0:40 /export nfs4");
  EXPECT_EQ(mount_that_holds(kHost, "/var/crash/x/y"), "0:40 /export nfs4");
  EXPECT_EQ(mount_that_holds(kHost, "/var/crashes"), "253:17 / xfs");
  EXPECT_EQ(mount_that_holds(kHost, "/srv/a b/c"), "253:33 /@dumps btrfs");
}

TEST(MountThatHolds, IsTheOneOnTop) {
  const std::string over = std::string(kHost) + "40 31 0:50 / /var/crash rw - tmpfs none rw\n";
  EXPECT_EQ(mount_that_holds(over, "/var/crash"), "0:50 / tmpfs");
  // What is mounted over /var hides what was below it.
  const std::string hidden = std::string(kHost) + "41 30 0:51 / /var rw - tmpfs none rw\n";
  EXPECT_EQ(mount_that_holds(hidden, "/var/crash"), "0:51 / tmpfs");
}

TEST(MountThatHolds, HasAnAnswerToNonsense) {
  EXPECT_EQ(mount_that_holds("", "/var/crash"), "");
  EXPECT_EQ(mount_that_holds("what\n1 2\n\n", "/var/crash"), "");
  EXPECT_EQ(mount_that_holds("1 1 0:1 / / rw - a b\n", "/x"), "0:1 / a");
  EXPECT_EQ(mount_that_holds("1 2 0:1 / / rw - a b\n2 1 0:2 / / rw - c d\n", "/x"), "");
}

}  // namespace
}  // namespace kdump
