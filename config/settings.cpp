#include "config/settings.h"

#include <algorithm>

#include "config/core_collector.h"
#include "config/draft.h"
#include "config/kdump_conf.h"
#include "config/policy.h"
#include "config/sysconfig.h"
#include "config/words.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

// The path is joined to a mount point at the crash.
void finish_path(Draft& draft) {
  Settings& settings = draft.loaded.settings;
  const auto origin = draft.loaded.origins.find("path");
  const std::string where = origin == draft.loaded.origins.end() ? "" : origin->second;
  const bool needs_root = std::ranges::any_of(settings.targets, [](const Target& target) {
    return target.kind == TargetKind::path && target.path.empty();
  });
  if (needs_root && !settings.path.starts_with("/"))
    draft.fail(where, "path is '" + settings.path +
                          "'; without a target it must be absolute: write '/" + settings.path +
                          "'");
  const auto clean = clean_path(settings.path);
  if (!clean) return draft.fail(where, "path is '" + settings.path + "'; write it without '..'");
  settings.path = *clean;
}

void finish_core_collector(Draft& draft) {
  Settings& settings = draft.loaded.settings;
  if (settings.core_collector.empty()) {
    auto collector = parse_core_collector(kDefaultCoreCollector);
    if (!collector) return draft.errors.push_back(std::move(collector).error());
    settings.core_collector = std::move(collector->arguments);
  }
  const auto origin = draft.loaded.origins.find("core_collector");
  if (origin == draft.loaded.origins.end()) return;
  const auto is_ssh = [](const Target& target) { return target.kind == TargetKind::ssh; };
  if (program_name(settings.core_collector.front()) == "scp" &&
      !std::ranges::all_of(settings.targets, is_ssh))
    draft.fail(origin->second, "core_collector: scp copies to ssh targets only; write '" +
                                   std::string(kDefaultCoreCollector) + "'");
  const bool streams = std::ranges::any_of(settings.targets, [&](const Target& target) {
    return is_ssh(target) || target.kind == TargetKind::raw;
  });
  if (draft.flattened && !streams)
    draft.warn(origin->second,
               "core_collector: '-F' has no effect: only dumps to ssh and raw targets are "
               "flattened");
}

Result<std::string> read_optional(const std::string& file) {
  auto text = read_text_file(file);
  if (!text && (text.error().sys_errno() == ENOENT || text.error().sys_errno() == ENOTDIR))
    return std::string();
  return text;
}

}  // namespace

std::string Target::describe() const {
  switch (kind) {
    case TargetKind::path:
      return "path " + path;
    case TargetKind::filesystem:
      return type + " " + device;
    case TargetKind::raw:
      return "raw " + device;
    case TargetKind::nfs:
      return "nfs " + nfs_source;
    case TargetKind::ssh:
    case TargetKind::sftp: {
      const std::string where = host.find(':') == std::string::npos ? host : "[" + host + "]";
      return (kind == TargetKind::ssh ? "ssh " : "sftp ") + user + "@" + where;
    }
  }
  return "";
}

void finish(Draft& draft) {
  finish_path(draft);
  finish_core_collector(draft);
}

CheckedSettings check_settings(const ConfigFiles& files) {
  Draft draft;
  if (auto text = read_text_file(files.kdump_conf)) {
    read_kdump_conf(*text, files.kdump_conf, draft);
  } else if (text.error().sys_errno() == ENOENT) {
    draft.errors.emplace_back(Errc::not_found,
                              "Error: No kdump config file found! (" + files.kdump_conf + ")");
  } else {
    draft.errors.push_back(std::move(text).error());
  }
  if (auto text = read_optional(files.policy))
    read_policy(*text, files.policy, draft);
  else
    draft.errors.push_back(std::move(text).error());
  if (auto text = read_optional(files.sysconfig))
    read_sysconfig(*text, files.sysconfig, draft);
  else
    draft.errors.push_back(std::move(text).error());
  finish(draft);
  return {std::move(draft.loaded), std::move(draft.errors)};
}

Result<LoadedSettings> load_settings(const ConfigFiles& files) {
  CheckedSettings checked = check_settings(files);
  if (!checked.errors.empty()) return std::move(checked.errors.front());
  return std::move(checked.loaded);
}

Result<CommandLineSettings> command_line_settings(const Settings& settings,
                                                  std::string_view machine) {
  const Sysconfig& sysconfig = settings.sysconfig;
  CommandLineSettings out;
  // A machine without defaults of ours can do with what the admin says.
  if (!sysconfig.remove || !sysconfig.append) {
    KDUMP_TRY_ASSIGN(out, default_command_line_settings(machine));
  }
  out.base = sysconfig.command_line;
  if (sysconfig.remove) out.remove = *sysconfig.remove;
  if (sysconfig.append) out.append = *sysconfig.append;
  return out;
}

}  // namespace kdump
