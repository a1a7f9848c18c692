// The proofs of each kind of target; prove_target() chooses. They run apart from the caller, and
// say of each step that it begins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "config/settings.h"
#include "daemon/host/host_paths.h"
#include "daemon/probe/apart.h"
#include "makedump/base/result.h"

namespace kdump {

// What a proof knows of its target.
struct ProofJob {
  const HostPaths& paths;
  const Settings& settings;
  const Target& target;
  std::chrono::milliseconds limit;  // of a step
  std::string directory;            // for dumps, on the target
};

// All return the room on the target, if it tells.
Result<std::optional<uint64_t>> prove_path(const ProofJob& job, const Steps& steps);
Result<std::optional<uint64_t>> prove_filesystem(const ProofJob& job, const Steps& steps);
Result<std::optional<uint64_t>> prove_nfs(const ProofJob& job, const Steps& steps);
Result<std::optional<uint64_t>> prove_raw(const ProofJob& job, const Steps& steps);
Result<std::optional<uint64_t>> prove_ssh(const ProofJob& job, const Steps& steps);
Result<std::optional<uint64_t>> prove_sftp(const ProofJob& job, const Steps& steps);

// Name of the file that is written, the same each time, so that one that was left behind is
// replaced: with the host's name, as several hosts may save to one directory.
std::string proof_file_name();
// What is written to it: enough to be no rounding error of any quota, nothing that compresses away.
std::string proof_content();

}  // namespace kdump
