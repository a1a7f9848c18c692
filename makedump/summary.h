// How a dump went: what was stored, what was left out and why, how big, how long. For people as a
// table, for programs as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "makedump/copy.h"
#include "makedump/job.h"

namespace kdump {

// What the dead kernel says of itself and of its end.
struct CrashFacts {
  std::string osrelease, build_id;
  uint64_t crash_time = 0;  // seconds since 1970; 0 if the kernel did not say
  std::string panic;        // PanicLine; "" if its log tells nothing
};

struct Summary {
  std::string output;
  CrashFacts crash;
  PageSize page_size;
  PageCounts pages;  // the sum is the memory map
  Codec codec = Codec::none;
  DumpLevel dump_level;
  unsigned threads = 1;
  uint64_t bytes_written = 0;     // length of the dump file
  std::optional<uint32_t> crc32;  // of the dump file
  double filter_seconds = 0, pack_seconds = 0, seconds = 0;
  uint64_t peak_memory_kib = 0;
  std::vector<std::string> warnings;  // the dump is complete, but may not be what was wanted
};

std::string summary_line(const Summary& summary);       // one line, no '\n'
std::string summary_table(const Summary& summary);      // several lines, each ends in '\n'
std::string summary_json(const Summary& summary);       // the manifest
std::string copy_json(const CopyReport& report);        // the manifest of a copy
std::string crash_facts_json(const CrashFacts& crash);  // the manifest of a log without a dump

}  // namespace kdump
