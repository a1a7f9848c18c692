// What the parsers of config/ promise about any text at all, for the fuzzers: a broken promise is a
// crash, which is what a fuzzer sees.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/draft.h"
#include "config/words.h"

namespace kdump {

inline void promise(bool kept) {
  if (!kept) std::abort();
}

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A message is one line that opens with the file's name.
inline void promise_message(std::string_view message, std::string_view name) {
  promise(message.starts_with(name));
  promise(!holds_control_character(message));
  promise(message.size() < 4096);
}

inline void promise_draft(const Draft& draft, std::string_view name) {
  for (const Error& error : draft.errors)
    promise_message(error.message(), name);
  for (const std::string& warning : draft.loaded.warnings)
    promise_message(warning, name);
  promise(draft.errors.size() < 300);
  if (!draft.errors.empty()) return;

  const Settings& settings = draft.loaded.settings;
  promise(!settings.targets.empty() && settings.targets.size() <= 16);
  promise(!settings.core_collector.empty() && !settings.core_collector.front().empty());
  promise(settings.path.starts_with("/"));
  promise(clean_path(settings.path) == settings.path);
  promise(settings.naming.find('/') == std::string::npos);
  promise(settings.stall_limit.count() > 0 && !settings.when_short.empty());
  for (const Target& target : settings.targets) {
    promise(target.path.empty() || clean_path(target.path) == target.path);
    switch (target.kind) {
      case TargetKind::path:
        break;
      case TargetKind::filesystem:
        promise(!target.type.empty() && !target.device.empty());
        break;
      case TargetKind::raw:
        promise(!target.device.empty());
        break;
      case TargetKind::nfs:
        promise(target.nfs_source.find(":/") != std::string::npos);
        break;
      case TargetKind::ssh:
      case TargetKind::sftp:
        promise(!target.user.empty() && target.user.front() != '-');
        promise(!target.host.empty() && target.host.front() != '-');
        break;
    }
  }
}

}  // namespace kdump
