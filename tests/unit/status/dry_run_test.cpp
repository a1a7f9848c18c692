#include "daemon/status/dry_run.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/service_run.h"

namespace kdump {
namespace {

std::vector<Check> checks_of(const FakeHost& fake) {
  return dry_run(fake.host, std::chrono::seconds(1), [](const Check&) {});
}

// Something is loaded, and a crash would be saved, but not as the admin believes.
TEST(DryRun, WarnsOfAnImageThatIsNotTheConfiguredOne) {
  FakeHost fake;
  ASSERT_TRUE(run(fake, start_service).state.ok);
  EXPECT_EQ(checks_of(fake).front().outcome, Check::Outcome::ok);

  fake.write("/etc/kdump.conf", "path /srv\n");
  fake.answers = {EKEYREJECTED};
  ASSERT_EQ(run(fake, restart_service).state.armed, Armed::with_older_image);
  const Check armed = checks_of(fake).front();
  EXPECT_EQ(armed.outcome, Check::Outcome::warning);
  EXPECT_THAT(armed.text, testing::StartsWith("Armed with the last image that worked, not with "
                                              "what is configured: "));
  EXPECT_THAT(armed.text, testing::HasSubstr("its signature does not fit"));
}

}  // namespace
}  // namespace kdump
