#include "initramfs/capture/ssh_destination.h"

#include <algorithm>
#include <thread>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/random_seed.h"

namespace kdump {

namespace {

using std::chrono::seconds;

constexpr seconds kMargin{60};  // PID 1 waits longer than we do before it gives up
constexpr seconds kShortestStep{3}, kLongestStep{30};
constexpr seconds kBetweenTries{1};

}  // namespace

std::string below(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

SshServer::SshServer(const TargetPlan& target, WorkerState& state, std::string known_hosts)
    : target_(target), state_(state), known_hosts_(std::move(known_hosts)) {}

seconds SshServer::step_limit() const {
  return std::clamp(target_.stall_limit / 4, kShortestStep, kLongestStep);
}

void SshServer::doing(const std::string& what) const {
  // A try that began right before the stall limit takes a few steps more.
  state_.doing((what + " (" + target_.name() + ")").c_str(),
               target_.stall_limit + 8 * step_limit() + kMargin);
}

bool SshServer::is_passing(const Error& error) {
  return error.code() == Errc::io || error.code() == Errc::timed_out;
}

Result<void> SshServer::connect_once() {
  session_.reset();
  SshAddress address;
  address.user = target_.user;
  address.host = target_.host;
  address.numeric = target_.address;
  if (target_.port != 0) address.port = target_.port;
  KDUMP_TRY_ASSIGN(const SshKey key, SshKey::read(target_.key));
  KnownHosts known;
  KDUMP_TRY(known.add_file(known_hosts_));
  KDUMP_TRY_ASSIGN(session_,
                   log_in_with_only(key, key.public_key().type, address, known, step_limit()));
  return {};
}

Result<void> SshServer::connect(Clock::time_point until) {
  doing("connecting");
  // Keys are made of random numbers, and a kernel that has just started may have none.
  seed_random_numbers();
  bool told = false;
  for (;;) {
    auto connected = connect_once();
    if (connected || !is_passing(connected.error()) || Clock::now() >= until) return connected;
    if (!told) say_warning(connected.error().message() + "; trying again");
    told = true;
    std::this_thread::sleep_for(kBetweenTries);
  }
}

Result<std::unique_ptr<Destination>> make_ssh_destination(const TargetPlan& target,
                                                          const NetworkPlan& network,
                                                          WorkerState& state) {
  return target.kind == TargetKind::sftp
             ? make_sftp_destination(target, network, state, kKnownHostsPath)
             : make_exec_destination(target, state, kKnownHostsPath);
}

}  // namespace kdump
