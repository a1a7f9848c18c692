#include "makedump/sink/ssh_address.h"

#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "makedump/sink/ssh_handles.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> look_up(const SshAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  // Without it, resolver libraries would be looked for in the capture image.
  if (!address.numeric.empty()) hints.ai_flags = AI_NUMERICHOST;
  const std::string& host = address.numeric.empty() ? address.host : address.numeric;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed == 0) return Addresses(found);
  const std::string why = failed == EAI_SYSTEM ? "" : std::string(": ") + ::gai_strerror(failed);
  return Error(Errc::not_found, address.describe() + ": looking up the host" + why,
               failed == EAI_SYSTEM ? errno : 0);
}

// 0, or the errno of a connection that was not made before the deadline.
int connect_until(const Fd& fd, const addrinfo& to, Clock::time_point deadline) {
  if (::connect(fd.get(), to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    pollfd writable{fd.get(), POLLOUT, 0};
    const int ready = ::poll(&writable, 1, static_cast<int>(left.count()) + 1);
    if (ready < 0 && errno != EINTR) return errno;
    if (ready <= 0) continue;
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

}  // namespace

std::string SshAddress::describe() const {
  if (port != 22) return user + "@" + known_name();
  return user + "@" + (host.find(':') == std::string::npos ? host : "[" + host + "]");
}

std::string SshAddress::known_name() const {
  return port == 22 ? host : "[" + host + "]:" + std::to_string(port);
}

uint16_t ssh_config_port(const std::string& host, const std::vector<std::string>& config_files) {
  const ssh::Session session(::ssh_new());
  if (!session || ::ssh_options_set(session.get(), SSH_OPTIONS_HOST, host.c_str()) != SSH_OK)
    return 22;
  // libssh counts the first value of a setting, as OpenSSH does, but only within one file.
  for (const std::string& file : config_files) {
    if (::access(file.c_str(), R_OK) != 0) continue;
    (void)::ssh_options_parse_config(session.get(), file.c_str());
    unsigned port = 0;
    if (::ssh_options_get_port(session.get(), &port) == SSH_OK && port != 22 && port <= 65535)
      return static_cast<uint16_t>(port);
  }
  return 22;
}

std::string ssh_config_host_name(const std::string& host,
                                 const std::vector<std::string>& config_files) {
  for (const std::string& file : config_files) {
    const ssh::Session session(::ssh_new());
    if (!session || ::ssh_options_set(session.get(), SSH_OPTIONS_HOST, host.c_str()) != SSH_OK)
      return host;
    if (::access(file.c_str(), R_OK) != 0) continue;
    (void)::ssh_options_parse_config(session.get(), file.c_str());
    char* name = nullptr;
    if (::ssh_options_get(session.get(), SSH_OPTIONS_HOST, &name) != SSH_OK || !name) continue;
    const ssh::Text owned(name);
    if (host != name) return name;
  }
  return host;
}

Result<Fd> connect_tcp(const SshAddress& address, std::chrono::milliseconds limit) {
  KDUMP_TRY_ASSIGN(const Addresses addresses, look_up(address));
  // An address that swallows packets must not use up the time of the next one.
  int count = 0;
  for (const addrinfo* to = addresses.get(); to; to = to->ai_next)
    ++count;
  int last_errno = EHOSTUNREACH;
  for (const addrinfo* to = addresses.get(); to; to = to->ai_next) {
    Fd fd(::socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      last_errno = errno;
      continue;
    }
    last_errno = connect_until(fd, *to, Clock::now() + limit / count);
    if (last_errno != 0) continue;
    const int yes = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
  }
  const std::string hint =
      last_errno == ECONNREFUSED ? " (is sshd running there, on this port?)" : "";
  return Error::from_errno(
      address.describe() + ": connecting to port " + std::to_string(address.port) + hint,
      last_errno);
}

}  // namespace kdump
