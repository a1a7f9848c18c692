// The bare one-program capture image: says that it runs, and reboots. What a reservation has to
// hold for this is what the kernel itself takes; everything above is what saving a dump costs.

#include <cstdio>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

int main() {
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, nullptr);
  std::printf("bare: %s\n", access("/proc/vmcore", R_OK) == 0 ? "works" : "has no /proc/vmcore");
  std::fflush(stdout);
  reboot(RB_AUTOBOOT);
}
