#include "daemon/watch/throttle.h"

#include <algorithm>
#include <utility>

namespace kdump {

Work& Work::operator|=(const Work& other) {
  refresh |= other.refresh;
  hotplug |= other.hotplug;
  restart |= other.restart;
  return *this;
}

void Throttle::add(Time now, const Work& work) {
  if (!work.any()) return;
  if (!work_.any()) first_ = now;
  last_ = now;
  work_ |= work;
  // A person waits for it, and the first thing that is really new is worth a try at once.
  if (work.restart) first_ = now - longest_;
  not_before_ = {};
}

void Throttle::add_later(Time then, const Work& work) {
  if (!work.any()) return;
  if (!work_.any()) {
    first_ = last_ = then - settle_;
    not_before_ = then;
  }
  work_ |= work;
}

std::optional<Throttle::Time> Throttle::due() const {
  if (!work_.any()) return std::nullopt;
  return std::max(not_before_, std::min(last_ + settle_, first_ + longest_));
}

Work Throttle::take() {
  not_before_ = {};
  return std::exchange(work_, Work{});
}

}  // namespace kdump
