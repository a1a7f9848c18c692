// Where things are in the capture image that the builder puts there and kdump-capture looks for.
#pragma once

namespace kdump {

// Where a program is found by its name in the image, in this order; /bin and /sbin lead there.
inline constexpr const char* kImageProgramDirectories[] = {"/usr/sbin", "/usr/bin"};
// Of open-iscsi: logs in to a target without a daemon.
inline constexpr char kIscsistartPath[] = "/usr/sbin/iscsistart";
inline constexpr char kBusyboxPath[] = "/usr/bin/busybox";

}  // namespace kdump
