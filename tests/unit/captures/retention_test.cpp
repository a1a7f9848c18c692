#include "daemon/captures/retention.h"

#include <gtest/gtest.h>

namespace kdump {
namespace {

constexpr int64_t kNow = 1'000'000;
constexpr uint64_t kMiB = 1 << 20;

Capture capture(char kind, int64_t age, uint64_t mib) {
  Capture made;
  made.id = std::string(1, kind) + std::to_string(age);
  made.at = kNow - age;
  made.bytes = mib * kMiB;
  made.ours = kind != 'x';
  made.state = kind == 'i'   ? Capture::State::incomplete
               : kind == 'd' ? Capture::State::dmesg_only
                             : Capture::State::complete;
  return made;
}

std::string removed(const std::vector<Capture>& captures, const Retention& retention) {
  std::string ids;
  for (const Removal& removal : choose_removals(captures, retention, kNow)) {
    EXPECT_FALSE(removal.why.empty());
    ids += (ids.empty() ? "" : " ") + captures[removal.index].id;
  }
  return ids;
}

Retention keep(unsigned count) {
  return {.keep = count};
}
Retention most(uint64_t mib) {
  return {.keep = 0, .max_bytes = mib * kMiB};
}
Retention younger(int64_t seconds) {
  return {.keep = 0, .max_bytes = 0, .max_age = std::chrono::seconds(seconds)};
}

TEST(Retention, WithoutLimitsAllIsKept) {
  EXPECT_EQ(removed({capture('c', 1, 10), capture('c', 999999, 1000)}, {}), "");
  EXPECT_EQ(removed({}, keep(1)), "");
}

TEST(Retention, Count) {
  const std::vector<Capture> three = {capture('c', 1, 1), capture('c', 2, 1), capture('c', 3, 1)};
  EXPECT_EQ(removed(three, keep(3)), "");
  EXPECT_EQ(removed(three, keep(2)), "c3");
  EXPECT_EQ(removed(three, keep(1)), "c2 c3");
}

TEST(Retention, OnAServerOnlyWhatIsWhole) {
  std::vector<Capture> four = {capture('c', 1, 1), capture('i', 2, 1), capture('c', 3, 1),
                               capture('d', 4, 1)};
  for (Capture& each : four)
    each.remote_target = 0;
  EXPECT_EQ(removed(four, keep(1)), "c3");
}

TEST(Retention, Bytes) {
  const std::vector<Capture> three = {capture('c', 1, 10), capture('c', 2, 20), capture('c', 3, 1)};
  EXPECT_EQ(removed(three, most(31)), "");
  EXPECT_EQ(removed(three, most(30)), "c3");
  // What would fit behind the one that does not is older than it.
  EXPECT_EQ(removed(three, most(29)), "c2 c3");
  EXPECT_EQ(removed(three, most(1)), "c2 c3");  // the newest complete one stays
}

TEST(Retention, Age) {
  const std::vector<Capture> three = {capture('c', 10, 1), capture('c', 20, 1),
                                      capture('c', 30, 1)};
  EXPECT_EQ(removed(three, younger(30)), "");
  EXPECT_EQ(removed(three, younger(29)), "c30");
  EXPECT_EQ(removed(three, younger(1)), "c20 c30");
}

TEST(Retention, ClocksThatAreWrongCostNothing) {
  EXPECT_EQ(removed({capture('c', -500, 1), capture('c', 1, 1)}, younger(10)), "");
}

TEST(Retention, TheNewestCompleteOneOutlivesAnyNumberOfLesserOnes) {
  const std::vector<Capture> captures = {capture('d', 1, 1), capture('i', 2, 1), capture('c', 3, 9),
                                         capture('d', 4, 1), capture('c', 5, 9)};
  EXPECT_EQ(removed(captures, keep(1)), "i2 d4 c5");
  EXPECT_EQ(removed(captures, keep(2)), "d4 c5");
  EXPECT_EQ(removed(captures, most(1)), "i2 d4 c5");
  EXPECT_EQ(removed(captures, younger(0)), "");
  EXPECT_EQ(removed(captures, younger(1)), "i2 d4 c5");
}

// Who can make directories there must not push out what counts, nor have us remove theirs.
TEST(Retention, WhatIsNotOursDoesNotCount) {
  const std::vector<Capture> captures = {capture('x', 1, 999), capture('x', 2, 999),
                                         capture('c', 3, 1), capture('c', 4, 1),
                                         capture('x', 9999, 1)};
  EXPECT_EQ(removed(captures, keep(1)), "c4");
  EXPECT_EQ(removed(captures, most(2)), "");
  EXPECT_EQ(removed(captures, younger(1)), "c4");
}

TEST(Retention, SizesThatOverflowAreTooLarge) {
  std::vector<Capture> captures = {capture('c', 1, 1), capture('c', 2, 1)};
  captures[1].bytes = UINT64_MAX;
  EXPECT_EQ(removed(captures, most(5)), "c2");
}

}  // namespace
}  // namespace kdump
