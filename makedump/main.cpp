// makedump, the admin's tool. In the capture image initramfs/program is makedump as well.
#include "makedump/program.h"

int main(int argc, char** argv) {
  return kdump::makedump_main(argc, argv);
}
