// What is to be done because of what happened, collected until it is quiet: an editor saves in four
// steps, memory arrives in a hundred blocks, a package brings a thousand files. No clock of its
// own: whoever calls brings the time.
#pragma once

#include <chrono>
#include <optional>

namespace kdump {

// What kdumpctl is to be asked for.
struct Work {
  bool refresh =
      false;  // something that goes into the capture image, or decides it, may have changed
  bool hotplug = false;  // memory or CPUs came or went: what is loaded does not know them
  bool restart = false;  // a person asked for it (SIGHUP)

  [[nodiscard]] bool any() const { return refresh || hotplug || restart; }
  Work& operator|=(const Work& other);
  friend bool operator==(const Work&, const Work&) = default;
};

class Throttle {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::milliseconds;

  // Due when nothing more was added for `settle`, and `longest` after the first at the latest.
  Throttle(Span settle, Span longest) : settle_(settle), longest_(longest) {}

  void add(Time now, const Work& work);
  // Not before `then`, whatever else is added: a second try of what failed in an odd way.
  void add_later(Time then, const Work& work);
  // When take() is to be called; nothing if there is no work.
  [[nodiscard]] std::optional<Time> due() const;
  // All of the work. Nothing is left.
  Work take();

 private:
  Span settle_, longest_;
  Work work_;
  Time first_, last_, not_before_;
};

}  // namespace kdump
