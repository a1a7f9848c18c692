// A bounded pool of workers whose results are taken in order; the first error wins.
//
// Slots are made once, so memory is fixed before work starts. No thread spins, and none is set
// aside to write: whoever finds the next slot in order finished takes it, so N threads on N CPUs
// never compete with a coordinator. With one thread nothing is started and nothing is locked.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

template <class Slot>
class OrderedPool {
 public:
  struct Stages {
    // Fills a slot with the next piece of work; false when there is none left. Called in order,
    // never concurrently.
    std::function<Result<bool>(Slot&)> next;
    // The heavy part. Called concurrently; `worker` is 0 … threads-1 and belongs to one thread.
    std::function<Result<void>(Slot&, unsigned worker)> work;
    // Called once a slot, in the order of next(), never concurrently.
    std::function<Result<void>(Slot&)> take;
  };

  // `slots` are owned by the pool for the time of the run; at least one. threads ≥ 1.
  OrderedPool(std::vector<Slot> slots, unsigned threads)
      : slots_(std::move(slots)), states_(slots_.size(), State::empty), threads_(threads) {}

  // Until next() has nothing more. May be called again with further work, but not after an error.
  Result<void> run(const Stages& stages) {
    if (threads_ <= 1) return run_alone(stages);
    exhausted_ = false;
    {
      std::vector<std::jthread> others;
      others.reserve(threads_ - 1);
      for (unsigned worker = 1; worker < threads_; ++worker) {
        try {
          others.emplace_back([this, &stages, worker] { run_worker(stages, worker); });
        } catch (const std::system_error&) {
          break;  // the kernel has no memory for one more thread: fewer do the same work
        }
      }
      run_worker(stages, 0);
    }
    if (error_) return std::move(*error_);
    return {};
  }

 private:
  enum class State { empty, working, finished };

  Result<void> run_alone(const Stages& stages) {
    for (Slot& slot = slots_.front();;) {
      KDUMP_TRY_ASSIGN(const bool more, stages.next(slot));
      if (!more) return {};
      KDUMP_TRY(stages.work(slot, 0));
      KDUMP_TRY(stages.take(slot));
    }
  }

  void run_worker(const Stages& stages, unsigned worker) {
    std::unique_lock lock(mutex_);
    while (!error_) {
      if (!taking_ && taken_ < given_ && states_[taken_ % slots_.size()] == State::finished) {
        take_one(stages, lock);
      } else if (!exhausted_ && given_ - taken_ < slots_.size()) {
        give_one(stages, worker, lock);
      } else if (exhausted_ && taken_ == given_) {
        return;
      } else {
        changed_.wait(lock);
      }
    }
  }

  void take_one(const Stages& stages, std::unique_lock<std::mutex>& lock) {
    const size_t index = taken_ % slots_.size();
    taking_ = true;
    lock.unlock();
    auto result = stages.take(slots_[index]);
    lock.lock();
    taking_ = false;
    if (!result) fail(std::move(result).error());
    states_[index] = State::empty;
    ++taken_;
    changed_.notify_all();
  }

  void give_one(const Stages& stages, unsigned worker, std::unique_lock<std::mutex>& lock) {
    const size_t index = given_ % slots_.size();
    auto more = stages.next(slots_[index]);  // cheap by contract, so the lock is kept
    if (!more) return fail(std::move(more).error());
    if (!*more) {
      exhausted_ = true;
      changed_.notify_all();
      return;
    }
    states_[index] = State::working;
    ++given_;
    lock.unlock();
    auto result = stages.work(slots_[index], worker);
    lock.lock();
    if (!result) return fail(std::move(result).error());
    states_[index] = State::finished;
    changed_.notify_all();
  }

  void fail(Error error) {
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }

  std::vector<Slot> slots_;
  std::vector<State> states_;
  const unsigned threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t given_ = 0;  // slots handed out so far; slot of number n is n % slots_.size()
  uint64_t taken_ = 0;
  bool taking_ = false;
  bool exhausted_ = false;
  std::optional<Error> error_;
};

}  // namespace kdump
