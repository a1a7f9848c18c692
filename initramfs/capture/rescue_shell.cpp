#include "initramfs/capture/rescue_shell.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "initramfs/plan/image_paths.h"

namespace kdump {

namespace {

// The last word of a small file: "tty0 ttyS0\n" → "ttyS0". What is named last is /dev/console.
void last_word(const char* path, std::array<char, 64>& word) {
  std::array<char, 256> text{};
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd >= 0 ? ::read(fd, text.data(), text.size() - 1) : 0;
  if (fd >= 0) ::close(fd);
  word[0] = '\0';
  if (got <= 0) return;
  text[static_cast<size_t>(got)] = '\0';
  text[std::strcspn(text.data(), "\n")] = '\0';
  const char* blank = std::strrchr(text.data(), ' ');
  std::snprintf(word.data(), word.size(), "%.60s", blank ? blank + 1 : text.data());
}

// /dev/console itself can be nobody's controlling terminal, so the device behind it is opened.
int open_console() {
  std::array<char, 64> name{};
  last_word("/sys/class/tty/console/active", name);
  if (std::strcmp(name.data(), "tty0") == 0) last_word("/sys/class/tty/tty0/active", name);
  std::array<char, 80> path{};
  std::snprintf(path.data(), path.size(), "/dev/%s", name.data());
  const int fd = name[0] != '\0' ? ::open(path.data(), O_RDWR) : -1;
  return fd >= 0 ? fd : ::open("/dev/console", O_RDWR);
}

[[noreturn]] void become_shell() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::setsid();
  const int console = open_console();
  if (console >= 0) {
    (void)::ioctl(console, TIOCSCTTY, 1);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::dup2(console, standard);
    if (console > STDERR_FILENO) ::close(console);
  }
  std::array<const char*, 5> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
                                            "TERM=linux", "PS1=kdump:\\w# ", nullptr};
  // Which of them is here was decided when the image was built: admin_files().
  constexpr std::array<std::array<const char*, 5>, 3> kShells = {{
      {kBusyboxPath, "sh", "-i", "-l", nullptr},
      {"/usr/bin/bash", "-i", "-l", nullptr, nullptr},
      {"/usr/bin/sh", "-i", nullptr, nullptr, nullptr},
  }};
  for (const auto& shell : kShells) {
    std::array<char*, 5> argv{};
    for (size_t i = 0; i < argv.size(); ++i)
      argv[i] = const_cast<char*>(shell[i]);
    ::execve(argv[0], argv.data(), const_cast<char* const*>(environment.data()));
  }
  ::_exit(127);
}

}  // namespace

pid_t start_rescue_shell() {
  const pid_t pid = ::fork();
  if (pid == 0) become_shell();
  return pid;
}

}  // namespace kdump
