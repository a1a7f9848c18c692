// kexec-load KERNEL INITRAMFS COMMAND-LINE: arms a capture image with one system call and nothing
// else.
//
// Reference vmcores are to be independent of our own loader and of any installed one: this is the
// plainest there is.

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: kexec-load KERNEL INITRAMFS COMMAND-LINE\n");
    return 2;
  }
  const int kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
  const int initramfs = open(argv[2], O_RDONLY | O_CLOEXEC);
  constexpr unsigned long kOnCrash = 2;  // KEXEC_FILE_ON_CRASH
  if (kernel < 0 || initramfs < 0 ||
      syscall(SYS_kexec_file_load, kernel, initramfs, std::strlen(argv[3]) + 1, argv[3],
              kOnCrash) != 0) {
    std::fprintf(stderr, "kexec-load: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}
