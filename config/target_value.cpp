#include "config/target_value.h"

#include <algorithm>

#include "config/words.h"

namespace kdump {

namespace {

constexpr std::string_view kWords[] = {"ext2", "ext3",     "ext4", "xfs", "btrfs", "minix",
                                       "vfat", "virtiofs", "raw",  "nfs", "ssh",   "sftp"};

bool has_blank(std::string_view text) {
  return text.find_first_of(kBlanks) != std::string_view::npos;
}

Result<void> check_device(std::string_view device) {
  constexpr std::string_view kTags[] = {"UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="};
  const bool is_tag = std::ranges::any_of(kTags, [&](std::string_view tag) {
    return device.starts_with(tag) && device.size() > tag.size();
  });
  if (is_tag || (device.starts_with("/") && device.size() > 1 && !has_blank(device))) return {};
  return Error(Errc::usage,
               in_quotes(device) + " is not a device; write /dev/…, UUID=… or LABEL=…");
}

bool is_host(std::string_view host) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";
  return !host.empty() && host.front() != '-' &&
         host.find_first_not_of(kLetters) == std::string_view::npos;
}

// host:/export, [IPv6]:/export
Result<void> check_nfs_source(std::string_view source) {
  const size_t colon = source.find(":/");
  std::string_view host = source.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (colon != std::string_view::npos && !has_blank(source) && is_host(host) &&
      (bracketed || host.find(':') == std::string_view::npos))
    return {};
  return Error(Errc::usage, in_quotes(source) +
                                " is not an NFS export; write host:/export, or [address]:/export "
                                "with an IPv6 address");
}

Result<Target> parse_login(TargetKind kind, std::string_view value) {
  const size_t at = value.rfind('@');
  const std::string word = kind == TargetKind::ssh ? "ssh" : "sftp";
  const Error bad(Errc::usage,
                  "Invalid " + word + " destination " + in_quotes(value) + "; write user@host");
  if (at == std::string_view::npos || at == 0) return bad;
  const std::string_view user = value.substr(0, at);
  std::string_view host = value.substr(at + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (std::ranges::count(host, ':') == 1)
    return Error(Errc::usage,
                 "Invalid " + word + " destination " + in_quotes(value) +
                     "; write user@host here, and a port or a path in /etc/kdump/policy.yaml");
  if (user.front() == '-' || has_blank(user) || !is_host(host)) return bad;
  Target target;
  target.kind = kind;
  target.user = user;
  target.host = host;
  return target;
}

Result<Target> parse_mount(std::string_view text) {
  const std::vector<std::string> words = split_words(text);
  if (words.size() < 3 || words.size() > 4)
    return Error(Errc::usage, "dracut_args: --mount " + in_quotes(text) +
                                  " is not 'device mountpoint type [options]'");
  const std::string& type = words[2];
  Target target;
  if (type == "nfs" || type == "nfs4") {
    KDUMP_TRY_ASSIGN(target, parse_target("nfs", words[0]));
  } else {
    target.kind = TargetKind::filesystem;
    target.type = type;
    target.device = words[0];
  }
  if (words.size() == 4 && words[3] != "defaults") target.options = words[3];
  return target;
}

}  // namespace

std::span<const std::string_view> target_words() {
  return kWords;
}

Result<Target> parse_target(std::string_view word, std::string_view value) {
  if (word == "ssh") return parse_login(TargetKind::ssh, value);
  if (word == "sftp") return parse_login(TargetKind::sftp, value);
  Target target;
  if (word == "nfs") {
    KDUMP_TRY(check_nfs_source(value));
    target.kind = TargetKind::nfs;
    target.nfs_source = value;
    return target;
  }
  if (word == "virtiofs") {
    if (has_blank(value))
      return Error(Errc::usage, in_quotes(value) + " is not the tag of a virtiofs device");
  } else {
    KDUMP_TRY(check_device(value));
  }
  target.device = value;
  target.kind = word == "raw" ? TargetKind::raw : TargetKind::filesystem;
  if (word != "raw") target.type = word;
  return target;
}

Result<DracutArgs> parse_dracut_args(std::string_view value) {
  const auto words = split_quoted_words(value);
  if (!words) return Error(Errc::usage, "dracut_args: a quote is left open");
  DracutArgs args;
  std::vector<std::string> rest;
  for (size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    constexpr std::string_view kMount = "--mount";
    if (word == kMount && i + 1 < words->size()) {
      KDUMP_TRY_ASSIGN(Target target, parse_mount((*words)[++i]));
      args.mounts.push_back(std::move(target));
    } else if (word == kMount) {
      return Error(Errc::usage, "dracut_args: --mount needs 'device mountpoint type [options]'");
    } else if (word.starts_with("--mount=")) {
      KDUMP_TRY_ASSIGN(Target target,
                       parse_mount(std::string_view(word).substr(kMount.size() + 1)));
      args.mounts.push_back(std::move(target));
    } else {
      rest.push_back(quoted_word(word));
    }
  }
  args.rest = join_words(rest);
  return args;
}

}  // namespace kdump
