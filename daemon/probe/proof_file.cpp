// read_proofs, write_proofs: /var/lib/kdump/proof.json.
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "daemon/probe/proof.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using nlohmann::json;

json to_json(const TargetProof& proof) {
  json out = {{"target", proof.target}, {"origin", proof.origin},   {"at", proof.at},
              {"ok", proof.ok},         {"problem", proof.problem}, {"free_bytes", nullptr}};
  if (proof.free_bytes) out["free_bytes"] = *proof.free_bytes;
  return out;
}

TargetProof from_json(const json& entry) {
  TargetProof proof;
  proof.target = entry.at("target").get<std::string>();
  proof.origin = entry.at("origin").get<std::string>();
  proof.at = entry.at("at").get<int64_t>();
  proof.ok = entry.at("ok").get<bool>();
  proof.problem = entry.at("problem").get<std::string>();
  if (!entry.at("free_bytes").is_null()) proof.free_bytes = entry["free_bytes"].get<uint64_t>();
  return proof;
}

}  // namespace

std::vector<TargetProof> read_proofs(const HostPaths& paths) {
  const auto text = read_text_file(paths.proof());
  if (!text) return {};
  // A file of another version, or damaged: as good as none, the next proof replaces it.
  try {
    std::vector<TargetProof> proofs;
    const json file = json::parse(*text);
    for (const json& entry : file.at("proofs"))
      proofs.push_back(from_json(entry));
    return proofs;
  } catch (const json::exception&) {
    return {};
  }
}

Result<void> write_proofs(const HostPaths& paths, const std::vector<TargetProof>& proofs) {
  json entries = json::array();
  for (const TargetProof& proof : proofs)
    entries.push_back(to_json(proof));
  // What a server said may be no UTF-8.
  const std::string text =
      json{{"proofs", entries}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  (void)::mkdir(paths.state().c_str(), 0700);
  return publish_file(paths.proof(), as_bytes(text), 0644);
}

}  // namespace kdump
