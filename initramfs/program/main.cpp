// The one program of the capture image: kdump-capture, its /init, and makedump under that name.
// What both need is in memory once. They stay two processes: makedump is run as a child, so that
// what a corrupt vmcore does to it is done to it alone.
#include <cstdio>
#include <string_view>
#include <unistd.h>

#include "initramfs/capture.h"
#include "initramfs/supervisor.h"
#include "makedump/program.h"

int main(int argc, char** argv) {
  const std::string_view called = argc > 0 ? argv[0] : "";
  const std::string_view name = called.substr(called.rfind('/') + 1);
  if (name == "makedump" || name == "makedumpfile") return kdump::makedump_main(argc, argv);

  // Run by hand on a healthy host it must not mount, dump or reboot anything.
  if (::getpid() != 1) {
    if (argc == 2 && std::string_view(argv[1]) == "--version") {
      std::puts("kdump-capture " KDUMP_VERSION);
      return 0;
    }
    std::fputs(
        "kdump-capture: this is the first program of a capture kernel and not PID 1 here: nothing "
        "was done, and nothing is rebooted. To arm this host, run: kdumpctl start\n",
        stderr);
    return 1;
  }
  kdump::supervise(kdump::kCaptureSteps);
}
