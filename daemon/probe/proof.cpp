#include "daemon/probe/proof.h"

#include <ctime>
#include <random>
#include <sys/utsname.h>

#include "daemon/probe/apart.h"
#include "daemon/probe/prove.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr size_t kProofBytes = 65536;

Result<std::optional<uint64_t>> prove(const ProofJob& job, const Steps& steps) {
  switch (job.target.kind) {
    case TargetKind::path:
      return prove_path(job, steps);
    case TargetKind::filesystem:
      return prove_filesystem(job, steps);
    case TargetKind::raw:
      return prove_raw(job, steps);
    case TargetKind::nfs:
      return prove_nfs(job, steps);
    case TargetKind::ssh:
      return prove_ssh(job, steps);
    case TargetKind::sftp:
      return prove_sftp(job, steps);
  }
  return Error(Errc::internal, job.target.describe() + ": no such kind of target");
}

bool is_remote(TargetKind kind) {
  return kind == TargetKind::ssh || kind == TargetKind::sftp;
}

}  // namespace

std::string proof_file_name() {
  utsname names{};
  (void)::uname(&names);
  return std::string(".kdump-proof-") + names.nodename;
}

std::string proof_content() {
  std::mt19937 random(std::random_device{}());
  std::string content(kProofBytes, '\0');
  for (char& c : content)
    c = static_cast<char>(random() & 0xff);
  return content;
}

TargetProof prove_target(const HostPaths& paths, const Settings& settings, const Target& target,
                         std::chrono::seconds limit) {
  TargetProof proof;
  proof.target = target.describe();
  proof.origin = target.origin;
  proof.at = static_cast<int64_t>(std::time(nullptr));

  const ProofJob job{paths, settings, target, limit,
                     target.path.empty() ? settings.path : target.path};
  // A session watches over its own steps, and can say more about them. One of ours may be several
  // of its: the name is looked up, the connection made, keys agreed on.
  const std::chrono::milliseconds patience =
      is_remote(target.kind) ? 3 * limit + std::chrono::seconds(30) : limit;
  const auto room = run_apart([&job](const Steps& steps) { return prove(job, steps); }, patience);
  if (!room) {
    proof.problem = room.error().message();
    return proof;
  }
  proof.free_bytes = *room;
  // A capture leaves this much free, so with less there is no room for a single byte.
  if (*room && **room <= settings.keep_free && target.kind != TargetKind::raw) {
    proof.problem = job.directory + ": only " + human_bytes(**room) +
                    " free, and a capture leaves " + human_bytes(settings.keep_free) +
                    " free (keep_free): remove old dumps, or choose a larger target";
    return proof;
  }
  proof.ok = true;
  return proof;
}

}  // namespace kdump
