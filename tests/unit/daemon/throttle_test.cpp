#include "daemon/watch/throttle.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

using namespace std::chrono_literals;

constexpr Work kRefresh{.refresh = true};
constexpr Work kHotplug{.hotplug = true};
constexpr Work kRestart{.restart = true};

Throttle::Time at(std::chrono::milliseconds time) {
  return Throttle::Time{} + 1h + time;
}

TEST(Throttle, HasNothingToDoAtFirst) {
  Throttle throttle(1500ms, 10s);
  EXPECT_EQ(throttle.due(), std::nullopt);
  EXPECT_FALSE(throttle.take().any());
  throttle.add(at(0s), Work{});
  EXPECT_EQ(throttle.due(), std::nullopt);
}

TEST(Throttle, WaitsUntilItIsQuiet) {
  Throttle throttle(1500ms, 10s);
  throttle.add(at(0s), kRefresh);
  EXPECT_EQ(throttle.due(), at(1500ms));
  throttle.add(at(1s), kRefresh);
  EXPECT_EQ(throttle.due(), at(2500ms));
  EXPECT_EQ(throttle.take(), kRefresh);
  EXPECT_EQ(throttle.due(), std::nullopt);
}

TEST(Throttle, DoesNotWaitForTheEndOfAStorm) {
  Throttle throttle(1500ms, 10s);
  for (auto time = 0ms; time < 60s; time += 100ms)
    throttle.add(at(time), kRefresh);
  EXPECT_EQ(throttle.due(), at(10s));
  // A storm that goes on is looked at every ten seconds.
  throttle.take();
  throttle.add(at(60s), kRefresh);
  EXPECT_EQ(throttle.due(), at(61500ms));
}

TEST(Throttle, PutsWorkTogether) {
  Throttle throttle(1500ms, 10s);
  throttle.add(at(0s), kRefresh);
  throttle.add(at(1s), kHotplug);
  EXPECT_EQ(throttle.take(), (Work{.refresh = true, .hotplug = true}));
}

TEST(Throttle, DoesNotLetAPersonWait) {
  Throttle throttle(1500ms, 10s);
  throttle.add(at(0s), kRefresh);
  throttle.add(at(100ms), kRestart);
  EXPECT_LE(throttle.due(), at(100ms));
  EXPECT_EQ(throttle.take(), (Work{.refresh = true, .restart = true}));
}

TEST(Throttle, PutsASecondTryOff) {
  Throttle throttle(1500ms, 10s);
  throttle.add_later(at(30s), kRefresh);
  EXPECT_EQ(throttle.due(), at(30s));
  // Something new is no second try.
  throttle.add(at(5s), kHotplug);
  EXPECT_EQ(throttle.due(), at(6500ms));
  EXPECT_EQ(throttle.take(), (Work{.refresh = true, .hotplug = true}));
  // With other work there already, it goes along with that.
  throttle.add(at(40s), kRefresh);
  throttle.add_later(at(80s), kHotplug);
  EXPECT_EQ(throttle.due(), at(41500ms));
  throttle.take();
  throttle.add_later(at(80s), kRefresh);
  throttle.add(at(50s), kRestart);
  EXPECT_LE(throttle.due(), at(50s));
}

}  // namespace
}  // namespace kdump
