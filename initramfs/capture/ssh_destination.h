// What the two kinds of destinations on SSH servers share: a connection that can be had again.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "initramfs/capture/destination.h"
#include "makedump/sink/ssh_session.h"

namespace kdump {

class SshServer {
  using Clock = std::chrono::steady_clock;

 public:
  // `known_hosts` is the file with the keys of the server. All must outlive it.
  SshServer(const TargetPlan& target, WorkerState& state, std::string known_hosts);

  // Connects and logs in, trying again until `until` when nobody answers: a switch forwards nothing
  // for half a minute after the link came up. The connection before it is over in any case.
  Result<void> connect(Clock::time_point until);
  void disconnect() { session_.reset(); }

  [[nodiscard]] SshSession& session() { return *session_; }
  [[nodiscard]] std::string local_ip() const { return session_ ? session_->local_ip() : ""; }

  // Another try may work: nobody refused.
  static bool is_passing(const Error& error);

  // Announces what is done next, which has a limit of its own below the target's stall limit.
  void doing(const std::string& what) const;
  [[nodiscard]] std::chrono::seconds stall_limit() const { return target_.stall_limit; }
  // Without an answer for so long, the connection is not what it was.
  [[nodiscard]] std::chrono::seconds step_limit() const;
  [[nodiscard]] const TargetPlan& target() const { return target_; }

 private:
  Result<void> connect_once();

  const TargetPlan& target_;
  WorkerState& state_;
  const std::string known_hosts_;
  std::optional<SshSession> session_;
};

// "DIRECTORY/NAME", "NAME" for the home directory.
std::string below(const std::string& directory, const std::string& name);

// `network` is brought up again when the connection breaks.
Result<std::unique_ptr<Destination>> make_sftp_destination(const TargetPlan& target,
                                                           const NetworkPlan& network,
                                                           WorkerState& state,
                                                           const std::string& known_hosts);
Result<std::unique_ptr<Destination>> make_exec_destination(const TargetPlan& target,
                                                           WorkerState& state,
                                                           const std::string& known_hosts);

}  // namespace kdump
