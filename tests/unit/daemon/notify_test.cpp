#include "daemon/watch/notify.h"

#include <array>
#include <cstdlib>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {
namespace {

// systemd's end of the notification socket.
class Listener {
 public:
  Listener() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_ = "/tmp/kdump-notify-test-" + std::to_string(::getpid());
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unlink(path_.c_str());
  }

  [[nodiscard]] std::string next() const {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }

 private:
  Fd socket_;
  std::string path_;
};

TEST(Notify, SpeaksSystemdsWords) {
  const Listener systemd;
  notify_ready("Armed for 6.1");
  EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=Armed for 6.1");
  notify_reloading();
  EXPECT_THAT(systemd.next(),
              testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=Reloading"));
  notify_status("Not armed: a\nb");
  EXPECT_EQ(systemd.next(), "STATUS=Not armed: a b");
  notify_stopping("Ended");
  EXPECT_EQ(systemd.next(), "STOPPING=1\nSTATUS=Ended");
}

TEST(Notify, IsSilentOutsideOfSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready("x");  // must not fail, hang or print
}

}  // namespace
}  // namespace kdump
