#include "initramfs/capture/wait_for_device.h"

#include <chrono>
#include <thread>

#include "initramfs/plan/block_device.h"

namespace kdump {

Result<std::string> wait_for_device(const std::string& spec, WorkerState& state) {
  using std::chrono::seconds;
  using std::chrono::steady_clock;
  const seconds limit = state.device_limit();
  constexpr seconds kSlowProbe{60};  // a disk that hangs is asked what is on it
  state.doing(("looking for " + spec).c_str(), limit + kSlowProbe);
  BlockDeviceSearch search(spec);
  const auto start = steady_clock::now();
  for (;;) {
    auto found = search.find();
    if (found) return found;
    if (steady_clock::now() - start >= limit)
      return Error(Errc::not_found, "target " + spec + " did not appear within " +
                                        std::to_string(limit.count()) +
                                        " s (block devices here: " + search.seen() + ")");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace kdump
