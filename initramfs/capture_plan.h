// What the capture kernel is to do, decided while the host is healthy and carried in the image as
// /etc/kdump/capture.plan.
//
// Written by the image builder, read by kdump-capture: nothing about targets is decided again on a
// dead machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

struct CapturePlan {
  std::string device;  // what to wait for and mount: UUID=… where the file system has one, else as
                       // configured
  std::string filesystem;              // type for mount(2)
  std::string mount_options;           // as the host mounts it, made read-write; "" is defaults
  std::string directory;               // where captures go, from the root of that file system
  std::string naming = "{ip}-{time}";  // of a capture's own directory in it: dump_name.h
  std::string hostname;                // of the healthy host; it has no name in the image
  std::vector<std::string> core_collector;  // argv; argv[0] is makedump's path in the image
  FailureAction failure_action = FailureAction::reboot;
  FinalAction final_action = FinalAction::reboot;
};

// Where things are in the image.
inline constexpr char kPlanPath[] = "/etc/kdump/capture.plan";
inline constexpr char kModuleListPath[] = "/etc/kdump/modules";
inline constexpr char kMakedumpPath[] = "/usr/bin/makedump";
inline constexpr char kTargetMountPoint[] = "/kdumproot";

std::string encode(const CapturePlan& plan);
// `where` opens error messages. Strict: builder and reader come from the same build, so anything
// unknown is damage.
Result<CapturePlan> decode_capture_plan(std::string_view text, const std::string& where);

std::string_view name_of(FailureAction action);  // as written in kdump.conf
std::string_view name_of(FinalAction action);

}  // namespace kdump
