#include "makedump/base/ordered_pool.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <pthread.h>
#include <set>

namespace kdump {
namespace {

struct Slot {
  unsigned id = 0;  // which slot this is
  uint64_t number = 0;
  uint64_t result = 0;
};

std::vector<Slot> make_slots(unsigned count) {
  std::vector<Slot> slots(count);
  for (unsigned i = 0; i < count; ++i)
    slots[i].id = i;
  return slots;
}

// A job that counts to `total` and notes everything that the pool promises about it.
struct Job {
  explicit Job(uint64_t the_total) : total(the_total) {}

  OrderedPool<Slot>::Stages stages() {
    return {
        .next = [this](Slot& slot) { return next(slot); },
        .work = [this](Slot& slot, unsigned worker) { return work(slot, worker); },
        .take = [this](Slot& slot) { return take(slot); },
    };
  }

  Result<bool> next(Slot& slot) {
    EXPECT_EQ(in_next.fetch_add(1), 0) << "next() ran twice at a time";
    Result<bool> result = given < total;
    if (given < total) slot.number = given++;
    if (fail_next_at == slot.number) result = Error(Errc::io, "next");
    in_next.fetch_sub(1);
    return result;
  }
  Result<void> work(Slot& slot, unsigned worker) {
    EXPECT_LT(worker, worker_busy.size());
    EXPECT_FALSE(worker_busy[worker].exchange(true)) << "a worker ran twice at a time";
    const int now = working.fetch_add(1) + 1;
    int seen = most_working.load();
    while (seen < now && !most_working.compare_exchange_weak(seen, now)) {
    }
    // Uneven work, so that slots finish out of order.
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < (slot.number * 7919) % 5000; ++i)
      sum = sum + i;
    slot.result = slot.number * 3;
    working.fetch_sub(1);
    worker_busy[worker] = false;
    if (fail_work_at == slot.number) return Error(Errc::bad_input, "work");
    return {};
  }
  Result<void> take(Slot& slot) {
    EXPECT_EQ(in_take.fetch_add(1), 0) << "take() ran twice at a time";
    EXPECT_EQ(slot.result, slot.number * 3);
    taken.push_back(slot.number);
    slot_ids.insert(slot.id);
    in_take.fetch_sub(1);
    if (fail_take_at == slot.number) return Error(Errc::no_space, "take");
    return {};
  }

  const uint64_t total;
  uint64_t given = 0;
  uint64_t fail_next_at = UINT64_MAX, fail_work_at = UINT64_MAX, fail_take_at = UINT64_MAX;
  std::vector<uint64_t> taken;
  std::set<unsigned> slot_ids;
  std::atomic<int> in_next{0}, in_take{0}, working{0}, most_working{0};
  std::array<std::atomic<bool>, 16> worker_busy{};
};

std::vector<uint64_t> count_to(uint64_t n) {
  std::vector<uint64_t> numbers(n);
  for (uint64_t i = 0; i < n; ++i)
    numbers[i] = i;
  return numbers;
}

class OrderedPoolOf : public testing::TestWithParam<unsigned> {};

TEST_P(OrderedPoolOf, TakesEverythingOnceAndInOrder) {
  Job job(2000);
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  ASSERT_TRUE(pool.run(job.stages()));
  EXPECT_EQ(job.taken, count_to(2000));
}

TEST_P(OrderedPoolOf, HasNothingToDoForNoWork) {
  Job job(0);
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  ASSERT_TRUE(pool.run(job.stages()));
  EXPECT_TRUE(job.taken.empty());
}

TEST_P(OrderedPoolOf, RunsAgain) {
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  for (const uint64_t total : {7, 0, 100, 1}) {
    Job job(total);
    ASSERT_TRUE(pool.run(job.stages()));
    EXPECT_EQ(job.taken, count_to(total));
  }
}

TEST_P(OrderedPoolOf, WorksWithOneSlot) {
  Job job(100);
  OrderedPool<Slot> pool(make_slots(1), GetParam());
  ASSERT_TRUE(pool.run(job.stages()));
  EXPECT_EQ(job.taken, count_to(100));
  EXPECT_EQ(job.most_working, 1);
}

TEST_P(OrderedPoolOf, UsesNoMoreSlotsThanItHas) {
  Job job(500);
  OrderedPool<Slot> pool(make_slots(3), GetParam());
  ASSERT_TRUE(pool.run(job.stages()));
  EXPECT_EQ(job.taken, count_to(500));
  EXPECT_LE(job.slot_ids.size(), 3U);
  EXPECT_LE(job.most_working, 3);
}

TEST_P(OrderedPoolOf, StopsAtAnErrorOfNext) {
  Job job(1000);
  job.fail_next_at = 50;
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  const auto result = pool.run(job.stages());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "next");
  EXPECT_EQ(job.taken, count_to(job.taken.size()));
  EXPECT_LE(job.taken.size(), 50U);
}

TEST_P(OrderedPoolOf, StopsAtAnErrorOfWork) {
  Job job(1000);
  job.fail_work_at = 50;
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  const auto result = pool.run(job.stages());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::bad_input);
  // What comes before the failed one may have been taken, never what comes after.
  EXPECT_EQ(job.taken, count_to(job.taken.size()));
  EXPECT_LE(job.taken.size(), 50U);
}

TEST_P(OrderedPoolOf, StopsAtAnErrorOfTake) {
  Job job(1000);
  job.fail_take_at = 50;
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  const auto result = pool.run(job.stages());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::no_space);
  EXPECT_EQ(job.taken, count_to(51)) << "nothing may be taken after the one that failed";
}

TEST_P(OrderedPoolOf, KeepsTheFirstOfManyErrors) {
  Job job(1000);
  job.fail_take_at = 10;
  job.fail_work_at = 990;
  OrderedPool<Slot> pool(make_slots(2 * GetParam()), GetParam());
  const auto result = pool.run(job.stages());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(), "take");
}

INSTANTIATE_TEST_SUITE_P(Threads, OrderedPoolOf, testing::Values(1, 2, 3, 8));

TEST(OrderedPool, WorksInParallel) {
  // Two workers that wait for each other: with a single thread this would never end.
  std::atomic<int> arrived{0};
  int numbers = 0;
  OrderedPool<Slot> pool(make_slots(4), 2);
  ASSERT_TRUE(pool.run({
      .next = [&](Slot&) -> Result<bool> { return numbers++ < 2; },
      .work = [&](Slot&, unsigned) -> Result<void> {
        arrived.fetch_add(1);
        while (arrived.load() < 2)
          std::this_thread::yield();
        return {};
      },
      .take = [](Slot&) -> Result<void> { return {}; },
  }));
}

// Threads need memory, which a capture kernel may not have: then fewer do the same work.
TEST(OrderedPool, GoesOnWhenNoThreadCanBeMade) {
  pthread_attr_t before;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  pthread_attr_t hopeless;
  ASSERT_EQ(pthread_attr_init(&hopeless), 0);
  // No address space is that large, so pthread_create() fails with EAGAIN.
  ASSERT_EQ(pthread_attr_setstacksize(&hopeless, size_t{1} << 60), 0);
  ASSERT_EQ(pthread_setattr_default_np(&hopeless), 0);

  Job job(100);
  OrderedPool<Slot> pool(make_slots(8), 4);
  const auto result = pool.run(job.stages());

  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&hopeless);
  pthread_attr_destroy(&before);
  ASSERT_TRUE(result);
  EXPECT_EQ(job.taken, count_to(100));
  EXPECT_EQ(job.most_working, 1) << "a thread was made after all";
}

}  // namespace
}  // namespace kdump
