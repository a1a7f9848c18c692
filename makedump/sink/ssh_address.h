// Where an SSH server is, and a connection to it within a time limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

struct SshAddress {
  std::string user, host;  // an IPv6 address without brackets
  uint16_t port = 22;
  std::string numeric{};  // where to connect, when nobody is there who could look up `host`

  // "user@host", "user@[::1]:2222": for messages.
  [[nodiscard]] std::string describe() const;
  // As known_hosts has it: "host", "[host]:2222".
  [[nodiscard]] std::string known_name() const;
};

// The port that `Port` in these ssh_config files gives for the host, 22 if none does. The first
// file counts most; a file that is not there says nothing.
uint16_t ssh_config_port(const std::string& host, const std::vector<std::string>& config_files);

// The host that these files say is meant: the same in most cases.
std::string ssh_config_host_name(const std::string& host,
                                 const std::vector<std::string>& config_files);

// Tries each address that the host has, IPv6 and IPv4. Looking up the name is not part of `limit`:
// resolv.conf has limits of its own.
Result<Fd> connect_tcp(const SshAddress& address, std::chrono::milliseconds limit);

}  // namespace kdump
