// What ExecStop= of the unit does: disarms, unless systemd is starting the service anew.
#include <gtest/gtest.h>

#include "daemon/arm/service.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

TEST(EndService, RestartIsTheJobOfOurUnit) {
  EXPECT_TRUE(names_restart("1234 kdumpd.service restart running\n"));
  EXPECT_TRUE(
      names_restart("12 other.service stop waiting\n1234 kdumpd.service restart running\n"));
  EXPECT_FALSE(names_restart("1234 kdumpd.service stop running\n"));
  EXPECT_FALSE(names_restart("1234 other.service restart running\n"));
  EXPECT_FALSE(names_restart("No jobs running.\n"));
  EXPECT_FALSE(names_restart(""));
}

TEST(EndService, DisarmsWhereSystemdDoesNotAnswer) {
  FakeHost fake;  // has no systemctl
  ASSERT_TRUE(start_service(fake.host).ok);
  ASSERT_NE(fake.loaded_image, "");
  const ArmingState state = end_service(fake.host);
  EXPECT_TRUE(state.ok);
  EXPECT_EQ(state.armed, Armed::no);
  EXPECT_EQ(fake.loaded_image, "");
}

}  // namespace
}  // namespace kdump
