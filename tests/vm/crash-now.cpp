// crash-now BLOCK-DEVICE: saves /proc/kpageflags to the device and crashes the kernel, with nothing
// in between.
//
// One process, buffers ready before the first read: with dd and a shell, the exit of dd alone gives
// hundreds of pages back between snapshot and crash, and each of them is a difference between dump
// and snapshot that says nothing about the dump. For the same reason the snapshot is made again and
// again until the kernel is quiet: until two of them are nearly the same.

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr size_t kChunk = 1024 * 1024;
constexpr size_t kMostPages = 1024 * 1024;  // 4 GiB of memory
constexpr int kMostTries = 10;
constexpr size_t kQuiet = 8;  // pages that changed from one snapshot to the next

alignas(4096) unsigned char buffer[kChunk];
std::array<uint64_t, kMostPages> before;

int open_or_die(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) {
    std::fprintf(stderr, "crash-now: %s: %s\n", path, std::strerror(errno));
    std::exit(1);
  }
  return fd;
}

// How many pages have other flags than in the snapshot before.
size_t changed(size_t first_page, size_t bytes) {
  size_t count = 0;
  for (size_t i = 0; i < bytes / 8 && first_page + i < kMostPages; ++i) {
    uint64_t now = 0;
    std::memcpy(&now, buffer + i * 8, sizeof now);
    count += now != before[first_page + i] ? 1 : 0;
    before[first_page + i] = now;
  }
  return count;
}

// All flags to the disk; returns how many have changed.
size_t snapshot(int flags, int disk) {
  size_t pages = 0, differences = 0;
  lseek(flags, 0, SEEK_SET);
  lseek(disk, 0, SEEK_SET);
  for (;;) {
    size_t have = 0;
    while (have < sizeof buffer) {
      const ssize_t got = read(flags, buffer + have, sizeof buffer - have);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    if (have == 0) break;
    differences += changed(pages, have);
    pages += have / 8;
    const size_t whole = (have + 4095) / 4096 * 4096;
    std::memset(buffer + have, 0, whole - have);
    if (write(disk, buffer, whole) != static_cast<ssize_t>(whole)) {
      std::fprintf(stderr, "crash-now: writing the snapshot: %s\n", std::strerror(errno));
      std::exit(1);
    }
    if (have < sizeof buffer) break;
  }
  return differences;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: crash-now BLOCK-DEVICE\n");
    return 2;
  }
  const int flags = open_or_die("/proc/kpageflags", O_RDONLY);
  const int disk =
      open_or_die(argv[1], O_WRONLY | O_DIRECT);  // no page cache: it would move pages, too
  const int trigger = open_or_die("/proc/sysrq-trigger", O_WRONLY);
  std::memset(buffer, 0, sizeof buffer);
  before.fill(1);  // touched: ours before the first snapshot
  for (int i = 0; i < kMostTries && snapshot(flags, disk) > kQuiet; ++i) {
  }
  if (write(trigger, "c", 1) != 1)
    std::fprintf(stderr, "crash-now: /proc/sysrq-trigger: %s\n", std::strerror(errno));
  return 1;  // still alive: that is the failure
}
