// vmcore.json, what a capture tells of itself: makedump writes what it knows of the dead kernel and
// of the dump, and this adds what only kdump-capture knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kdump {

inline constexpr char kManifestName[] = "vmcore.json";

// A program of the admin's that ran around the capture.
struct HookRun {
  std::string hook;     // "kdump_pre", "pre.d", …
  std::string program;  // its path
  int status = -1;      // exit status; -1 if it did not end by itself
  std::string error;    // "" for status 0
  double seconds = 0;
};

struct CaptureRecord {
  std::string id;         // the capture's directory, without what leads there
  std::string directory;  // on the target
  std::string state;      // complete, incomplete, dmesg_only, failed
  std::string error;      // why the dump is not complete; "" if it is
  std::string log_error;  // why there is no vmcore-dmesg.txt; "" if there is
  std::string hostname;   // of the healthy host
  std::string target;     // "ext4 UUID=…"
  struct Failure {
    std::string target, error;  // or the way in which the dump was tried, see `tried`
  };
  std::vector<Failure> failed_before;  // targets, in the order in which they were tried
  std::string rung;                    // how the dump was got: "filtered", "unfiltered", "copy"
  std::vector<Failure> tried;          // rungs that failed before it on this target
  int64_t begun = 0, ended = 0;        // seconds since 1970
  uint64_t least_available_kib = 0;    // MemAvailable of the capture kernel; 0: not known
  std::vector<HookRun> hooks;          // in the order in which they ran
  bool test = false;                   // the crash was made by `kdumpctl test`
};

// `parts` are manifests of makedump, which may be damaged: a later one's keys replace those
// of an earlier one, and those of `record` replace both.
std::string complete_manifest(const std::vector<std::string>& parts, const CaptureRecord& record);

}  // namespace kdump
