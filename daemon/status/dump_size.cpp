#include "daemon/status/dump_size.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

#include "daemon/arm/kexec.h"
#include "daemon/host/iomem.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kDescriptor = 24;               // of a page, in the kdump-compressed format
constexpr uint64_t kHeaders = uint64_t{64} << 10;  // the format's headers, notes and vmcoreinfo

// Bits of the dump level, as makedumpfile has them.
constexpr unsigned kCache = 2, kCachePrivate = 4, kUser = 8, kFree = 16;

// What kernel memory shrinks to. Measured are 0.25 to 0.35 (lzo, Debian's kernels, mixed load): a
// prediction that is too small fills a disk, one that is too large only warns early.
double assumed_ratio(const std::string& codec) {
  if (codec == "none") return 1.0;
  return codec == "zlib" || codec == "zstd" ? 0.4 : 0.5;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// /proc/meminfo in bytes; counts without a unit (HugePages_…) as they are.
std::map<std::string, uint64_t, std::less<>> parse_meminfo(const std::string& text) {
  std::map<std::string, uint64_t, std::less<>> values;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view rest = trimmed(std::string_view(line).substr(colon + 1));
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc()) continue;
    const bool kib = std::string_view(end, rest.data() + rest.size()) == " kB";
    if (value > (uint64_t{1} << 50)) continue;
    values[line.substr(0, colon)] = kib ? value << 10 : value;
  }
  return values;
}

// 0 for who may not read the addresses.
uint64_t system_ram(const HostPaths& paths) {
  uint64_t sum = 0;
  for (const PhysRange& region : iomem_regions(paths, "System RAM"))
    sum += region.size();
  return sum;
}

uint64_t minus(uint64_t from, uint64_t what) {
  return from > what ? from - what : 0;
}

// The newest complete dump of the same kind that says what its pages took before and after.
const Capture* measured(const std::vector<Capture>& captures, const CollectorOptions& options) {
  const auto found =
      std::find_if(captures.begin(), captures.end(), [&options](const Capture& capture) {
        return capture.state == Capture::State::complete && capture.codec == options.codec &&
               capture.stored_bytes >= kPage && capture.dump_bytes >= kPage;
      });
  return found == captures.end() ? nullptr : &*found;
}

}  // namespace

CollectorOptions collector_options(const std::vector<std::string>& argv) {
  CollectorOptions options;
  for (size_t i = 1; i < argv.size(); ++i) {
    const std::string& word = argv[i];
    if (word == "-c") options.codec = "zlib";
    if (word == "-l") options.codec = "lzo";
    if (word == "-p") options.codec = "snappy";
    if (word == "-z") options.codec = "zstd";
    if (word != "-d" || i + 1 == argv.size()) continue;
    // "31,17": what to try first, and what next.
    const std::string& value = argv[++i];
    unsigned level = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), level);
    if (error == std::errc() && level <= 31) options.level = level;
  }
  return options;
}

Result<DumpSize> predict_dump_size(const HostPaths& paths, const Settings& settings,
                                   const std::vector<Capture>& captures) {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(paths.meminfo()));
  auto values = parse_meminfo(text);
  const uint64_t total = values["MemTotal"];
  if (total == 0) return Error(Errc::bad_input, paths.meminfo() + ": no MemTotal in it");

  DumpSize size;
  size.options = collector_options(settings.core_collector);
  // MemTotal leaves out the kernel itself and its page array (64 bytes for 4 KiB), which are
  // dumped.
  const auto reserved = reserved_bytes(paths);
  size.memory = std::max(minus(system_ram(paths), reserved ? *reserved : 0), total + total / 64);

  const unsigned level = size.options.level;
  const uint64_t huge = values["HugePages_Total"] * values["Hugepagesize"];
  const uint64_t cache = values["Cached"] + values["Buffers"];
  uint64_t pages = size.memory, most = size.memory;
  const auto leave_out = [&](uint64_t bytes) {
    pages = minus(pages, bytes);
    most = minus(most, bytes);
  };
  if ((level & kFree) != 0) leave_out(values["MemFree"]);
  if ((level & kUser) != 0) leave_out(values["AnonPages"] + huge);
  if ((level & kCachePrivate) != 0)
    leave_out(cache);
  else if ((level & kCache) != 0)
    pages = minus(pages, values["Cached"]);  // how much of it is private, nobody counts
  size.pages = pages;

  const Capture* const capture = measured(captures, size.options);
  size.ratio = assumed_ratio(size.options.codec);
  if (capture) {
    size.ratio = std::min(
        1.0, static_cast<double>(capture->dump_bytes) / static_cast<double>(capture->stored_bytes));
    size.ratio_of = capture->id;
  }
  // Two bitmaps, a bit for each page, and a descriptor for each page that is kept.
  const uint64_t bitmaps = size.memory / kPage / 8 * 2 + kHeaders;
  size.likely = static_cast<uint64_t>(static_cast<double>(pages) * size.ratio) +
                pages / kPage * kDescriptor + bitmaps;
  size.at_most = most + most / kPage * kDescriptor + bitmaps;
  return size;
}

}  // namespace kdump
