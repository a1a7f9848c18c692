// Everything that can be set, as one plain struct. The files of this folder fill it and check every
// value on the way, so whoever holds a Settings may trust it.
//
// Three files have a say, each in words that admins know already:
//   /etc/kdump.conf          RHEL's line format: what is saved, where, and what happens then
//   /etc/kdump/policy.yaml   what that format cannot say: SFTP, several targets, space, retention,
//   … /etc/sysconfig/kdump     (Debian: /etc/default/kdump) kernel and command line of the capture
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/command_line.h"
#include "makedump/base/result.h"

namespace kdump {

enum class FailureAction { reboot, halt, poweroff, shell, dump_to_rootfs };
enum class FinalAction { reboot, halt, poweroff };

// force_rebuild and force_no_rebuild of kdump.conf; they exclude each other.
enum class Rebuild { when_needed, always, never };

enum class TargetKind {
  path,        // the file system that holds `path` on the running system
  filesystem,  // a local file system that is named, or virtiofs
  raw,         // a block device without a file system
  nfs,
  ssh,   // a command on the other machine writes what it reads: vmcore.flat
  sftp,  // the dump is written there as it is here: vmcore
};

// One place where dumps can go. Which members count depends on `kind`.
struct Target {
  TargetKind kind = TargetKind::path;
  std::string type{};  // filesystem: ext2 ext3 ext4 xfs btrfs minix vfat virtiofs
  std::string device{};  // filesystem: /dev/…, UUID=…, LABEL=…, … or virtiofs tag; raw: device
  std::string nfs_source{};             // nfs: host:/export, as written
  std::string user{}, host{};           // ssh, sftp; an IPv6 address without its brackets
  uint16_t port = 0;                    // ssh, sftp; 0: 22, or what the host's ssh_config says
  std::string key{};                    // ssh, sftp: file with the private key
  std::string options{};                // mount options from the policy, "" for the host's own
  std::string path{};                   // directory for dumps in it; "" for Settings::path
  std::chrono::seconds stall_limit{0};  // 0: Settings::stall_limit
  std::string origin{};                 // "/etc/kdump.conf:3", for messages; "" for the default

  // As in kdump.conf: "ext4 UUID=…", "sftp backup@host", "path /var/crash".
  [[nodiscard]] std::string describe() const;
};

// What to do when a dump will not fit, tried in this order.
enum class WhenShort {
  stricter_level,  // leave more out
  dmesg_only,      // keep the kernel's log, which has been saved before
  refuse,          // this target has failed: the next one is tried
};

enum class ImageKind { automatic, native, dracut };

struct Retention {  // 0: no limit. What a limit says is kept, newest first.
  unsigned keep = 0;
  uint64_t max_bytes = 0;
  std::chrono::seconds max_age{0};
};

// /etc/sysconfig/kdump. Absent members were not set there; the defaults of the machine count.
struct Sysconfig {
  std::string kernel_release;                // KDUMP_KERNELVER; "": the running one
  std::string command_line;                  // KDUMP_COMMANDLINE; "": /proc/cmdline
  std::optional<std::string> remove;         // KDUMP_COMMANDLINE_REMOVE
  std::optional<std::string> append;         // KDUMP_COMMANDLINE_APPEND
  std::optional<std::string> fadump_append;  // FADUMP_COMMANDLINE_APPEND
  std::string kexec_args;                    // KEXEC_ARGS
  std::string boot_directory;                // KDUMP_BOOTDIR; "": /boot
  std::string image = "vmlinuz";             // KDUMP_IMG
  std::string image_extension;               // KDUMP_IMG_EXT
  bool creation_notification = true;         // VMCORE_CREATION_NOTIFICATION
  int std_log_level = 3, sys_log_level = 0, kmsg_log_level = 0;  // KDUMP_*LOGLVL, 0 to 4
};

struct Settings {
  std::vector<Target> targets = {Target{}};  // in the order in which they are tried; never empty
  std::string path = "/var/crash";           // absolute, without "." and ".."
  std::vector<std::string> core_collector;   // argv, see core_collector.h; never empty after load
  bool core_collector_given = false;         // by kdump.conf, not the default
  FailureAction failure_action = FailureAction::reboot;
  FinalAction final_action = FinalAction::reboot;
  Rebuild rebuild = Rebuild::when_needed;
  std::string sshkey = "/root/.ssh/kdump_id_rsa";
  std::string kdump_pre, kdump_post, kdump_emergency;  // paths; "" for none
  std::vector<std::string> extra_bins, extra_modules;
  std::string dracut_args;  // without a --mount, which has become a target
  std::vector<std::string> fence_kdump_nodes;
  std::string fence_kdump_args;
  bool auto_reset_crashkernel = true;

  // policy.yaml
  std::chrono::seconds stall_limit{600};
  std::chrono::seconds capture_limit{0};  // of the whole capture; 0: none
  std::chrono::seconds hook_limit{300};   // of each program of the admin's; never 0
  uint64_t keep_free = 64u << 20;         // bytes that a capture leaves free on a target
  std::vector<WhenShort> when_short = {WhenShort::stricter_level, WhenShort::dmesg_only};
  Retention retention;
  std::string naming = "{ip}-{time}";
  ImageKind image_kind = ImageKind::automatic;
  std::vector<std::string> notify_command;  // argv; empty for none
  std::chrono::seconds prove_every{86400};  // 0: targets are not proved by themselves

  Sysconfig sysconfig;
};

struct LoadedSettings {
  Settings settings;
  // What an admin should change although it works: whole sentences that open with file and line.
  std::vector<std::string> warnings;
  // Where each setting came from: "file:line" by the name that show_settings() gives it. What is
  // not in here is a default.
  std::map<std::string, std::string> origins;
};

struct ConfigFiles {
  std::string kdump_conf = "/etc/kdump.conf";
  std::string policy = "/etc/kdump/policy.yaml";   // need not be there
  std::string sysconfig = "/etc/sysconfig/kdump";  // need not be there
};

// Reads and checks all three. The error names file and line and says what to write instead. What
// the files say is valid here even when no capture image can do it yet: arming refuses that.
Result<LoadedSettings> load_settings(const ConfigFiles& files);

// The same for who wants to know all that is wrong: `loaded` holds what could be understood.
struct CheckedSettings {
  LoadedSettings loaded;
  std::vector<Error> errors;
};
CheckedSettings check_settings(const ConfigFiles& files);

// The parameters of the capture kernel's command line that `settings` asks for, with the defaults
// of `machine` (as uname(2) calls it) where it asks for none.
Result<CommandLineSettings> command_line_settings(const Settings& settings,
                                                  std::string_view machine);

}  // namespace kdump
