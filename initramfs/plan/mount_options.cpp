#include "initramfs/plan/mount_options.h"

#include <algorithm>
#include <array>
#include <sys/mount.h>

namespace kdump {

namespace {

struct Flag {
  std::string_view name;
  unsigned long set, clear;
};

constexpr std::array kFlags = {
    Flag{"defaults", 0, 0},
    Flag{"rw", 0, MS_RDONLY},
    Flag{"ro", MS_RDONLY, 0},
    Flag{"nosuid", MS_NOSUID, 0},
    Flag{"suid", 0, MS_NOSUID},
    Flag{"nodev", MS_NODEV, 0},
    Flag{"dev", 0, MS_NODEV},
    Flag{"noexec", MS_NOEXEC, 0},
    Flag{"exec", 0, MS_NOEXEC},
    Flag{"sync", MS_SYNCHRONOUS, 0},
    Flag{"async", 0, MS_SYNCHRONOUS},
    Flag{"dirsync", MS_DIRSYNC, 0},
    Flag{"noatime", MS_NOATIME, 0},
    Flag{"atime", 0, MS_NOATIME},
    Flag{"nodiratime", MS_NODIRATIME, 0},
    Flag{"diratime", 0, MS_NODIRATIME},
    Flag{"relatime", MS_RELATIME, 0},
    Flag{"norelatime", 0, MS_RELATIME},
    Flag{"strictatime", MS_STRICTATIME, 0},
    Flag{"nostrictatime", 0, MS_STRICTATIME},
    Flag{"lazytime", MS_LAZYTIME, 0},
    Flag{"nolazytime", 0, MS_LAZYTIME},
};

constexpr std::array<std::string_view, 23> kNotForCapture = {
    "rw",       "ro",     "defaults",    "auto",        "noauto",     "nofail",
    "user",     "users",  "nouser",      "owner",       "group",      "_netdev",
    "seclabel", "quota",  "usrquota",    "grpquota",    "prjquota",   "uquota",
    "gquota",   "pquota", "uqnoenforce", "gqnoenforce", "pqnoenforce"};

constexpr std::array<std::string_view, 11> kNotForCapturePrefixes = {
    "x-", "X-", "comment=", "context=", "fscontext=", "defcontext=", "rootcontext=", "usrjquota=",
    "grpjquota=", "jqfmt=",
    // The number may be another one after a snapshot was rolled back; the name is kept.
    "subvolid="};

}  // namespace

std::vector<std::string> split_mount_options(std::string_view options) {
  std::vector<std::string> list;
  while (!options.empty()) {
    size_t end = 0;
    for (bool in_quotes = false; end < options.size() && (in_quotes || options[end] != ','); ++end)
      if (options[end] == '"') in_quotes = !in_quotes;
    if (end > 0) list.emplace_back(options.substr(0, end));
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  return list;
}

std::optional<std::string> mount_option_value(std::string_view options, std::string_view name) {
  for (const std::string& option : split_mount_options(options))
    if (option.size() > name.size() && option.starts_with(name) && option[name.size()] == '=')
      return option.substr(name.size() + 1);
  return std::nullopt;
}

std::string options_for_capture(std::string_view options) {
  std::string kept = "rw";
  for (const std::string& option : split_mount_options(options)) {
    const auto begins = [&](std::string_view prefix) { return option.starts_with(prefix); };
    if (std::find(kNotForCapture.begin(), kNotForCapture.end(), option) != kNotForCapture.end() ||
        std::any_of(kNotForCapturePrefixes.begin(), kNotForCapturePrefixes.end(), begins))
      continue;
    kept.append(",").append(option);
  }
  return kept;
}

MountOptions parse_mount_options(std::string_view options) {
  MountOptions result;
  for (const std::string& option : split_mount_options(options)) {
    const auto flag = std::find_if(kFlags.begin(), kFlags.end(),
                                   [&](const Flag& known) { return known.name == option; });
    if (flag != kFlags.end()) {
      result.flags = (result.flags & ~flag->clear) | flag->set;
    } else {
      if (!result.data.empty()) result.data += ',';
      result.data += option;
    }
  }
  return result;
}

}  // namespace kdump
