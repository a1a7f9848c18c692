// kdump-capture: /init of the native capture image.
#include <cstdio>
#include <string_view>
#include <unistd.h>

#include "initramfs/capture.h"
#include "initramfs/supervisor.h"

int main(int argc, char** argv) {
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
