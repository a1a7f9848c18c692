// Random numbers for who needs keys right after the start of a kernel.
#pragma once

namespace kdump {

// In the image; made by the host's kernel, for root alone.
inline constexpr char kRandomSeedPath[] = "/etc/kdump/ssh/random-seed";

// Where the kernel has no randomness of its own yet (no RDRAND that it trusts, no timer jitter
// before 5.4), getrandom(2) would wait without end: it is given the seed that the image brought
// along. Cheap, and does nothing where it is not needed.
void seed_random_numbers();

}  // namespace kdump
