// Everything that `kdumpctl status -v`, `status --json` and `show` tell of this host. Reads only;
// what it may not or cannot read is named, never guessed. docs/status.md documents the keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/arm/arming_state.h"
#include "daemon/captures/captures.h"
#include "daemon/crashkernel/need.h"
#include "daemon/host/host.h"
#include "daemon/probe/proof.h"
#include "daemon/status/crash_test.h"
#include "daemon/status/dump_size.h"
#include "makedump/base/result.h"

namespace kdump {

struct ImageStatus {
  std::string path;
  uint64_t bytes = 0;
  int64_t built_at = 0;
  enum class State {
    fresh,
    stale,  // what goes into it has changed
    missing,
    unknown,
  } state = State::unknown;
  std::vector<std::string> reasons;  // why it is not fresh, or why it cannot be told
};

std::string_view name_of(ImageStatus::State state);

struct TargetStatus {
  std::string name;                  // "path /var/crash"
  std::string origin;                // "/etc/kdump.conf:3"; "" for the default
  std::optional<TargetProof> proof;  // the last one
  // Whether a dump of the likely size fits and leaves free what it has to; nothing if not known.
  std::optional<bool> roomy;
};

struct HostStatus {
  int64_t now = 0;                  // seconds since 1970
  std::optional<bool> operational;  // nothing if this kernel does not say
  std::string why;                  // of that, one sentence
  std::optional<ArmingState> arming;
  std::optional<LoadedSettings> config;
  std::string config_problem;
  ImageStatus image;
  std::optional<uint64_t> reserved;
  std::optional<MemoryNeed> memory;
  std::optional<DumpSize> size;
  std::vector<TargetStatus> targets;
  std::vector<Capture> captures;  // newest first
  std::optional<CrashTest> crash_test;
  // Whole sentences: what could not be found out, and why.
  std::vector<std::string> not_known;
};

HostStatus look_at_host(const Host& host);

// Several lines, each with its '\n'.
std::string status_text(const HostStatus& status);
std::string status_json(const HostStatus& status);

// As kdump.conf would say it, with the directory that the default target leaves unsaid.
std::string name_of(const Settings& settings, const Target& target);

// "3 min ago", "2 d ago"; "just now"
std::string age_text(int64_t seconds);

}  // namespace kdump
