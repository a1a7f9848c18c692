// What was asked for: makedumpfile's command line, so that scripts and core_collector lines written
// for it keep working.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "makedump/base/result.h"
#include "makedump/compress/codec.h"
#include "makedump/filter/classify.h"

namespace kdump {

struct Job {
  enum class Kind { dump, copy, dmesg, rearrange, check_params, help, version };

  // Bits of --message-level, as makedumpfile has them.
  static constexpr unsigned kProgress = 1, kCommon = 2, kErrors = 4, kDebug = 8, kReport = 16;

  Kind kind = Kind::dump;
  std::string vmcore;
  std::string output;
  bool flattened = false;  // to stdout, instead of `output`, which is then called "stdout"
  std::string manifest;    // JSON about the dump is published here; "" for none
  Codec codec = Codec::none;
  DumpLevel dump_level;
  unsigned threads = 0;          // 0: the CPUs that this process may use
  std::optional<uint64_t> room;  // bytes there are for the dump; a larger one is not begun
  bool overwrite = false;
  unsigned message_level = kProgress | kCommon | kErrors;

  [[nodiscard]] bool says(unsigned bit) const { return (message_level & bit) != 0; }
};

// argv without the program's name. Errc::usage for what makes no sense, Errc::unsupported for what
// makedumpfile can do and this program cannot, each with one line that says what to write instead.
Result<Job> parse_job(std::span<char* const> arguments);

std::string help_text();

}  // namespace kdump
