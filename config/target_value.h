// A target as both kdump.conf and policy.yaml write it: a word for what it is, and where it is.
#pragma once

#include <span>
#include <string_view>

#include "config/settings.h"

namespace kdump {

// ext2 ext3 ext4 xfs btrfs minix vfat virtiofs raw nfs ssh sftp. vfat and sftp are policy.yaml's
// only: kdump.conf never had them.
std::span<const std::string_view> target_words();

// `word` is one of target_words(). The error has no file and line yet.
Result<Target> parse_target(std::string_view word, std::string_view value);

// What a dracut_args line of kdump.conf asks for: one --mount "device mountpoint type [options]" is
// a target, the rest is for dracut.
struct DracutArgs {
  std::vector<Target> mounts;
  std::string rest;
};
Result<DracutArgs> parse_dracut_args(std::string_view value);

}  // namespace kdump
