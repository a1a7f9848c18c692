// What a session, its commands and its SFTP share. Only the ssh_ files include this.
#pragma once

#include <chrono>
#include <string>

#include "makedump/base/result.h"
#include "makedump/sink/ssh_handles.h"
#include "makedump/sink/ssh_keys.h"
#include "makedump/sink/ssh_watchdog.h"

namespace kdump {

struct SshConnection {
  SshConnection(SshAddress to, Fd watched, std::chrono::milliseconds step_limit)
      : address(std::move(to)),
        name(address.describe()),
        limit(step_limit),
        watchdog(std::move(watched)) {}

  // What libssh says of a call that failed, or that it took too long.
  [[nodiscard]] Error failure(const std::string& what) const;
  [[nodiscard]] Error out_of_time(const std::string& what) const;

  [[nodiscard]] SocketWatchdog::Guard within_limit() { return watchdog.expect_within(limit); }

  SshAddress address;
  std::string name;
  std::chrono::milliseconds limit;
  SocketWatchdog watchdog;  // before the session: it must see the session's end, too
  ssh::Session session;
  SshPublicKey host_key;
};

}  // namespace kdump
