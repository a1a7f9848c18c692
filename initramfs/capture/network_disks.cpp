#include "initramfs/capture/network_disks.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <vector>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/child.h"
#include "initramfs/plan/image_paths.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// A target may still hold the session that died with the host, and a switch may just be starting.
constexpr seconds kConnectLimit{60};
constexpr seconds kPause{2};
constexpr seconds kMargin{90};  // the kernel's own patience with one try

Result<void> log_in(const NetworkDisk& disk) {
  constexpr int kSessionExists = 15;  // open-iscsi's ISCSI_ERR_SESS_EXISTS
  ChildOptions options;
  options.argv = {kIscsistartPath,
                  "-i",
                  disk.host,
                  "-t",
                  disk.name,
                  "-g",
                  std::to_string(disk.portal_group),
                  "-a",
                  disk.address,
                  "-p",
                  std::to_string(disk.port)};
  const auto add = [&](const char* option, const std::string& value) {
    if (value.empty()) return;
    options.argv.emplace_back(option);
    options.argv.push_back(value);
  };
  add("-u", disk.user);
  add("-w", disk.secret);
  add("-U", disk.their_user);
  add("-W", disk.their_secret);
  options.time_limit = kConnectLimit;
  options.stall_limit = options.silent_limit = kConnectLimit;
  options.apart = true;  // it forks, and its child would wait for ever
  options.on_line = [](const std::string& line) { say(line); };
  const ChildEnd end = run_child(options);
  if (end.ok() || end.status == kSessionExists) return {};
  return Error(Errc::io, disk.describe() + ": " + end.error);
}

// drivers/nvme/host/fabrics.c: a line of options, and a controller is made.
Result<void> connect_controller(const NetworkDisk& disk) {
  constexpr char kFabrics[] = "/dev/nvme-fabrics";
  // One queue: each takes memory. After a minute without the target, writes fail.
  std::string line = "transport=tcp,traddr=" + disk.address +
                     ",trsvcid=" + std::to_string(disk.port) + ",nqn=" + disk.name +
                     ",hostnqn=" + disk.host + ",nr_io_queues=1,reconnect_delay=2,ctrl_loss_tmo=60";
  const auto add = [&line](const char* option, const std::string& value) {
    if (!value.empty()) line.append(",").append(option).append("=").append(value);
  };
  add("hostid", disk.host_id);
  add("dhchap_secret", disk.secret);
  add("dhchap_ctrl_secret", disk.their_secret);
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(kFabrics, O_RDWR));
  auto written = write_all(fd, as_bytes(line), disk.describe());
  if (!written && written.error().sys_errno() == EALREADY) return {};
  return written;
}

Result<void> connect_to(const NetworkDisk& disk, WorkerState& state) {
  const std::string what = "connecting to " + disk.describe();
  say(what);
  const auto start = steady_clock::now();
  for (;;) {
    state.doing(what.c_str(), kConnectLimit + kMargin);
    auto connected =
        disk.kind == NetworkDisk::Kind::iscsi ? log_in(disk) : connect_controller(disk);
    if (connected || steady_clock::now() - start >= kConnectLimit) return connected;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

Result<void> connect_network_disks(const TargetPlan& target, WorkerState& state) {
  std::vector<Error> failed;
  for (const NetworkDisk& disk : target.network_disks)
    if (auto connected = connect_to(disk, state); !connected)
      failed.push_back(std::move(connected).error());
  if (!failed.empty() && failed.size() == target.network_disks.size())
    return std::move(failed.back());
  for (const Error& error : failed)
    say_warning(error.message());
  return {};
}

}  // namespace kdump
