// What kdumpd has to look at. The fixed places it knows itself; what depends on the settings it
// asks `kdumpctl _watch` for, so that it need not hold the parsers of three configuration files in
// memory for months.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct WatchList {
  std::vector<std::string> files;        // need not be there
  std::vector<std::string> directories;  // all that is in them; need not be there
  // Block devices that dumps go to: a path in /dev, or UUID=…, LABEL=… and such.
  std::vector<std::string> devices;
  std::vector<std::string> mounts;          // directories: on which file system they lie
  bool network = false;                     // a target is reached through it
  std::chrono::seconds prove_every{86400};  // 0: never

  friend bool operator==(const WatchList&, const WatchList&) = default;
};

// What counts whatever the settings say. `programs`: the directory that kdumpd itself is in.
WatchList fixed_watch_list(const HostPaths& paths, const std::string& release,
                           const std::string& programs);

// A line for each: "file PATH", "directory PATH", "device SPEC", "mount PATH",
// "network", "prove-every SECONDS".
std::string encode(const WatchList& list);
Result<WatchList> decode_watch_list(std::string_view text);

}  // namespace kdump
