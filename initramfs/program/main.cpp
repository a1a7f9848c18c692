// The one program of a capture image: kdump-capture (/init of the native image,
// a service in one that dracut built), and makedump under that name.
// What both need is in memory once. They stay two processes: makedump is run as a child, so that
// what a corrupt vmcore does to it is done to it alone.
#include <cstdio>
#include <string_view>
#include <unistd.h>

#include "initramfs/capture/capture.h"
#include "initramfs/capture/supervisor.h"
#include "makedump/program.h"

int main(int argc, char** argv) {
  const std::string_view called = argc > 0 ? argv[0] : "";
  const std::string_view name = called.substr(called.rfind('/') + 1);
  if (name == "makedump" || name == "makedumpfile") return kdump::makedump_main(argc, argv);

  if (::getpid() == 1) kdump::supervise(kdump::kCaptureSteps, kdump::Role::init);
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argument == "--version") {
    std::puts("kdump-capture " KDUMP_VERSION);
    return 0;
  }
  // Run by hand on a healthy host it must not mount, dump or reboot anything. The file is what
  // systemd itself tells an initramfs by.
  if (argument == "--service" && ::getppid() == 1 && ::access("/etc/initrd-release", F_OK) == 0)
    kdump::supervise(kdump::kCaptureSteps, kdump::Role::service);
  std::fputs(
      "kdump-capture: this is the first program of a capture kernel and not PID 1 here: nothing "
      "was done, and nothing is rebooted. To arm this host, run: kdumpctl start\n",
      stderr);
  return 1;
}
