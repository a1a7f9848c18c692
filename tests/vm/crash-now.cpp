// crash-now BLOCK-DEVICE: saves /proc/kpageflags to the device and crashes the kernel, with nothing
// in between.
//
// One process, buffers ready before the first read: with dd and a shell, the exit of dd alone gives
// hundreds of pages back between snapshot and crash, and each of them is a difference between dump
// and snapshot that says nothing about the dump.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr size_t kChunk = 1024 * 1024;
alignas(4096) unsigned char buffer[kChunk];

int open_or_die(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) {
    std::fprintf(stderr, "crash-now: %s: %s\n", path, std::strerror(errno));
    std::exit(1);
  }
  return fd;
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
  for (;;) {
    size_t have = 0;
    while (have < sizeof buffer) {
      const ssize_t got = read(flags, buffer + have, sizeof buffer - have);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    if (have == 0) break;
    const size_t whole = (have + 4095) / 4096 * 4096;
    std::memset(buffer + have, 0, whole - have);
    if (write(disk, buffer, whole) != static_cast<ssize_t>(whole)) {
      std::fprintf(stderr, "crash-now: %s: %s\n", argv[1], std::strerror(errno));
      return 1;
    }
    if (have < sizeof buffer) break;
  }
  if (write(trigger, "c", 1) != 1)
    std::fprintf(stderr, "crash-now: /proc/sysrq-trigger: %s\n", std::strerror(errno));
  return 1;  // still alive: that is the failure
}
