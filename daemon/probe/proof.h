// Proof that a target takes a dump: it was reached, written to, synced, renamed in, read back, and
// left as it was. What came of it is kept, so that `kdumpctl status` can say when that was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct TargetProof {
  std::string target;  // Target::describe()
  std::string origin;  // Target::origin
  int64_t at = 0;      // seconds since 1970
  bool ok = false;
  std::string problem;                 // "" if ok: what failed, where, what to do
  std::optional<uint64_t> free_bytes;  // room on the target, where it tells
};

// Goes through everything that a capture does to a target: connects, logs in, makes the directory
// if it may, writes a file under an -incomplete name, syncs, renames, reads it back, removes it.
// Blocks up to `limit` a step, and no longer, also when a disk or a server hangs. Never fails as
// such: a failure is what it reports.
TargetProof prove_target(const HostPaths& paths, const Settings& settings, const Target& target,
                         std::chrono::seconds limit);

// The last proof of each target; empty when none was made.
std::vector<TargetProof> read_proofs(const HostPaths& paths);
Result<void> write_proofs(const HostPaths& paths, const std::vector<TargetProof>& proofs);

}  // namespace kdump
