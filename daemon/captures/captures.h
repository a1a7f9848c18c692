// The crashes that were saved, as their directories on the targets tell.
//
// Directories for dumps may be writable by others (Debian's /var/crash is), and manifests were made
// out of what a dead kernel said: nothing in here is believed but what cannot do harm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/captures/capture_listing.h"
#include "daemon/host/host_paths.h"
#include "makedump/base/result.h"

namespace kdump {

struct Capture {
  std::string id;         // name of its directory: "127.0.0.1-2026-11-23-21:27:35"
  std::string directory;  // its path on this host, or user@host:/path
  int64_t at = 0;         // of the capture, seconds since 1970
  enum class State {
    complete,    // the dump is there under its final name
    incomplete,  // only vmcore-incomplete: cut short, readable up to there
    dmesg_only,  // the kernel log, and no dump
    failed,      // neither: its manifest says why
  } state = State::dmesg_only;
  uint64_t bytes = 0;  // of all its files, as they take room on disk
  std::string dump;    // name of the dump's file in `directory`; "" if there is none
  bool test = false;   // kdump-test-…: made by `kdumpctl test`
  // Made by this host's capture kernel, as far as owner and manifest tell: only these are removed
  // by retention.
  bool ours = false;
  // Of Settings::targets, for one on an SSH server, which only its manifest says to be ours.
  std::optional<size_t> remote_target;
  std::string manifest_text;  // of those: it is not asked for twice

  // From vmcore.json; "" or 0 where there is none, or it does not say. Text is printable.
  bool has_manifest = false;
  std::string kernel_release, build_id, panic, target, hostname, error;
  int64_t crashed_at = 0;
  uint64_t peak_memory_kib = 0;      // of makedump
  uint64_t least_available_kib = 0;  // of all memory of the capture kernel, while it saved
  uint64_t dump_bytes = 0;           // length of the dump's file
  uint64_t stored_bytes = 0;         // of the pages that are in it (kept and zero), unpacked
  std::string codec;                 // none zlib lzo snappy zstd
  double seconds = 0;                // makedump took
  std::optional<uint32_t> crc32;     // of the dump's file

  // May be removed without a person who looked at it. On a server, where others save as well, only
  // what is whole: a half one may be all that somebody has.
  [[nodiscard]] bool may_be_given_up() const {
    return ours && (!remote_target || state == State::complete);
  }
};

std::string_view name_of(Capture::State state);  // "complete", "incomplete", …

// What a directory of this name is, by the files in it and the text of its manifest.
Capture describe_capture(const std::string& id, const std::string& directory,
                         const CaptureListing& files, const std::optional<std::string>& manifest);

// The order of lists: newest first.
bool is_before(const Capture& a, const Capture& b);

// Those on file systems that are mounted here, newest first. Hooks' and other programs' directories
// are left out. Problems do not end it: they are returned as sentences in `problems`.
std::vector<Capture> find_captures(const HostPaths& paths, const Settings& settings,
                                   std::vector<std::string>& problems);

}  // namespace kdump
