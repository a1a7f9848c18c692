// What a service tells systemd, heard at systemd's end of the notification socket.
#pragma once

#include <array>
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

// systemd's end of the notification socket.
class NotifyListener {
 public:
  NotifyListener() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_ = "/tmp/kdump-notify-test-" + std::to_string(::getpid());
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;
  ~NotifyListener() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unlink(path_.c_str());
  }

  // "nothing" when nothing comes within `limit`.
  [[nodiscard]] std::string next(std::chrono::milliseconds limit = {}) const {
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    (void)::poll(&wait, 1, static_cast<int>(limit.count()));
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }

 private:
  Fd socket_;
  std::string path_;
};

}  // namespace kdump
