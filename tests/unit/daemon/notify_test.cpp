#include "daemon/watch/notify.h"

#include <cstdlib>
#include <gmock/gmock.h>

#include "tests/unit/daemon/notify_listener.h"

namespace kdump {
namespace {

TEST(Notify, SpeaksSystemdsWords) {
  const NotifyListener systemd;
  notify_ready("Armed for 6.1");
  EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=Armed for 6.1");
  notify_reloading();
  EXPECT_THAT(systemd.next(),
              testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=Reloading"));
  notify_status("Not armed: a\nb");
  EXPECT_EQ(systemd.next(), "STATUS=Not armed: a b");
  notify_stopping("Ended");
  EXPECT_EQ(systemd.next(), "STOPPING=1\nSTATUS=Ended");
}

TEST(Notify, IsSilentOutsideOfSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready("x");  // must not fail, hang or print
}

}  // namespace
}  // namespace kdump
