#include "initramfs/capture/random_seed.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "makedump/base/fd.h"

namespace kdump {

void seed_random_numbers() {
  char probe = 0;
  if (::getrandom(&probe, 1, GRND_NONBLOCK) == 1 || errno != EAGAIN) return;
  const auto device = open_file("/dev/urandom", O_RDWR);
  if (!device) return;
  // The same seed at each crash: what differs goes in first, though it counts for nothing.
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  (void)!::write(device->get(), &now, sizeof(now));
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  (void)!::write(device->get(), &now, sizeof(now));

  const auto seed = read_text_file(kRandomSeedPath);
  if (!seed || seed->empty()) return;
  constexpr size_t kMost = 512;
  struct {
    int bits = 0, bytes = 0;
    std::array<char, kMost> seed{};
  } pool;  // as rand_pool_info, whose array has no size
  const size_t size = std::min(seed->size(), kMost);
  std::memcpy(pool.seed.data(), seed->data(), size);
  pool.bytes = static_cast<int>(size);
  pool.bits = pool.bytes * 8;
  if (::ioctl(device->get(), RNDADDENTROPY, &pool) == 0)
    say("the kernel has no random numbers yet: it is given the image's seed");
  else
    say_warning(
        Error::from_errno("the kernel has no random numbers yet, and takes no seed").message());
}

}  // namespace kdump
