// Where a capture goes, seen from the capture kernel: one class a kind of target. The ladder
// (capture.cpp) is the same for all of them.
//
// Each call announces in WorkerState what it does and until when, so that PID 1 gives up on
// whatever hangs; it fails within the target's stall limit where it can, and its error names the
// target.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/capture_plan.h"
#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

// Takes the flattened form of a dump (format/flattened.h) as makedump writes it to its stdout.
class DumpStream {
 public:
  virtual ~DumpStream() = default;
  // In any portions. May block until the target has room for more.
  virtual Result<void> write(Bytes bytes) = 0;
  // All of it came: it is on stable storage and has its final name. Without this call, what was
  // got so far stays under the incomplete name.
  virtual Result<void> commit() = 0;
  // About once a second while there is nothing to write: connections are kept up.
  virtual void tick() {}
  // Bytes that the target has confirmed; grows while the dump moves.
  [[nodiscard]] virtual uint64_t confirmed() const = 0;
};

class Destination {
 public:
  virtual ~Destination() = default;

  // The device is there and mounted; the server is connected and has let us in.
  virtual Result<void> reach() = 0;
  // The local address that leads to it, for {ip} in names; "127.0.0.1" for what is local.
  [[nodiscard]] virtual std::string local_ip() const = 0;
  // May names have colons? (vfat: no)
  [[nodiscard]] virtual bool takes_colons() const { return true; }
  // Makes the capture's own directory, mode 0700, below the plan's; with -2, -3 … behind its name
  // if that is taken. Returns its path as the admin sees it on the target. Nothing for raw devices.
  virtual Result<std::string> make_directory(const std::string& name) = 0;
  // Bytes that can be written; nothing when the target does not say.
  virtual Result<std::optional<uint64_t>> room() = 0;
  // A small file in that directory, mode 0600: whole under its name, synced, or not there. Replaces
  // one of the same name.
  virtual Result<void> publish(const std::string& name, std::string_view text) = 0;
  // Where makedump itself can write to ("/kdumproot/var/crash/…/vmcore"); nothing where it
  // cannot: then open_stream().
  [[nodiscard]] virtual std::optional<std::string> path_of(const std::string& name) const = 0;
  // The name that the dump has there is the stream's own affair: vmcore, or vmcore.flat.
  virtual Result<std::unique_ptr<DumpStream>> open_stream() = 0;
  [[nodiscard]] virtual std::string dump_name() const { return "vmcore"; }
  // Synced, unmounted, disconnected.
  virtual Result<void> leave() = 0;
};

// All of them must outlive it; `network` leads to the target. Errc::unsupported for a kind that
// this program was built without.
Result<std::unique_ptr<Destination>> make_destination(const TargetPlan& target,
                                                      const NetworkPlan& network,
                                                      WorkerState& state);

// The kinds, each in its own file. The program that goes into images without ssh targets is built
// with no_ssh_destination.cpp instead of ssh_destination.cpp and brings no libssh along.
std::unique_ptr<Destination> make_mounted_destination(const TargetPlan& target, WorkerState& state);
Result<std::unique_ptr<Destination>> make_raw_destination(const TargetPlan& target,
                                                          WorkerState& state);
Result<std::unique_ptr<Destination>> make_ssh_destination(const TargetPlan& target,
                                                          const NetworkPlan& network,
                                                          WorkerState& state);

}  // namespace kdump
