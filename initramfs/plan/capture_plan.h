// What the capture kernel is to do, decided while the host is healthy and carried in the image as
// /etc/kdump/capture.plan.
//
// Written by the image builder, read by kdump-capture: nothing about targets is decided again on a
// dead machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "initramfs/plan/network_disk.h"
#include "initramfs/plan/network_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// One place to try. Which members count depends on `kind`, which is never TargetKind::path: that
// has become the file system that holds it.
struct TargetPlan {
  TargetKind kind = TargetKind::filesystem;
  std::string described;      // as configured ("ext4 UUID=…", "sftp backup@host"), for messages
  std::string device;         // filesystem, raw: UUID=… where there is one, else as configured;
                              // virtiofs: its tag; nfs: host:/export, for messages
  std::string filesystem;     // filesystem, nfs: type for mount(2)
  std::string mount_options;  // as the host mounts it, made read-write; "" is defaults
  std::string directory;      // where captures go, from the root of that file system; of the server
                              // for ssh and sftp, there without a leading / from the home directory
  std::string host;     // nfs, ssh, sftp: the server as the admin calls it (known hosts, messages)
  std::string address;  // nfs, ssh, sftp: its numeric address, found while the host was healthy
  std::string user;     // ssh, sftp
  uint16_t port = 0;    // ssh, sftp; 0: 22
  std::string key;      // ssh, sftp: file in the image with the private key
  std::chrono::seconds stall_limit{600};  // without a byte moved for so long it is given up

  // What brings the device's disks, if the network does: connected to before it is looked for.
  std::vector<NetworkDisk> network_disks;

  [[nodiscard]] bool is_remote() const;      // a server, over the network
  [[nodiscard]] bool needs_network() const;  // that, or a device that the network brings
  // What it is called in messages: "UUID=…" where that is known, "sftp backup@host".
  [[nodiscard]] const std::string& name() const;
  bool operator==(const TargetPlan&) const = default;
};

// Programs of the admin's: paths in the image. Directories are fixed: kHookDirectories.
struct Hooks {
  std::string pre, post, emergency;
  bool operator==(const Hooks&) const = default;
};

struct CapturePlan {
  // In the order in which they are tried; never empty. With failure_action dump_to_rootfs the last
  // one is the host's root file system.
  std::vector<TargetPlan> targets;
  NetworkPlan network;                      // brought up before the first target that needs it
  std::string naming = "{ip}-{time}";       // of a capture's own directory: dump_name.h
  std::string hostname;                     // of the healthy host; it has no name in the image
  std::vector<std::string> core_collector;  // argv; argv[0] is makedump's path in the image
  FailureAction failure_action = FailureAction::reboot;
  FinalAction final_action = FinalAction::reboot;
  uint64_t keep_free = uint64_t{64} << 20;  // bytes that are left free on a target
  std::vector<WhenShort> when_short = {WhenShort::stricter_level, WhenShort::dmesg_only};
  std::chrono::seconds capture_limit{0};  // of all targets together; 0: none
  Hooks hooks;
  std::chrono::seconds hook_limit{300};  // of each of them
  std::vector<std::string> fence_kdump;  // argv of the program that tells the cluster; empty: none
  // Who boots the capture kernel's userspace: kdump-capture itself, or a dracut image that runs it
  // as a service once devices and network are assembled.
  ImageKind image = ImageKind::native;
  bool operator==(const CapturePlan&) const = default;
};

// Where things are in the image.
inline constexpr char kPlanPath[] = "/etc/kdump/capture.plan";
inline constexpr char kModuleListPath[] = "/etc/kdump/modules";
inline constexpr char kMakedumpPath[] = "/usr/bin/makedump";
inline constexpr char kTargetMountPoint[] = "/kdumproot";
inline constexpr char kSshDirectory[] = "/etc/kdump/ssh";  // keys, and kKnownHostsPath
inline constexpr char kKnownHostsPath[] = "/etc/kdump/ssh/known_hosts";
inline constexpr char kPreHookDirectory[] = "/etc/kdump/pre.d";
inline constexpr char kPostHookDirectory[] = "/etc/kdump/post.d";
inline constexpr char kEmergencyHookDirectory[] = "/etc/kdump/emergency.d";

// "UUID=… in /var/crash", and what follows it: for messages.
std::string places_of(const CapturePlan& plan);

std::string encode(const CapturePlan& plan);
// `where` opens error messages. Strict: builder and reader come from the same build, so anything
// unknown is damage.
Result<CapturePlan> decode_capture_plan(std::string_view text, const std::string& where);

std::string_view name_of(FailureAction action);  // as written in kdump.conf
std::string_view name_of(FinalAction action);

}  // namespace kdump
