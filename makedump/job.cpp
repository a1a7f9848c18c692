#include "makedump/job.h"

#include <array>
#include <charconv>
#include <getopt.h>
#include <optional>
#include <vector>

namespace kdump {

namespace {

enum LongOption : int {
  kOptMessageLevel = 0x100,
  kOptNumThreads,
  kOptDumpDmesg,
  kOptManifest,
  kOptShowStats,
  kOptCheckParams,
  kOptRoom,
  kOptCopy,
  kOptUnsupported,
};

// getopt_long accepts unambiguous beginnings of these, as makedumpfile does.
constexpr auto kLongOptions = std::to_array<option>({
    {"message-level", required_argument, nullptr, kOptMessageLevel},
    {"num-threads", required_argument, nullptr, kOptNumThreads},
    {"dump-dmesg", no_argument, nullptr, kOptDumpDmesg},
    {"manifest", required_argument, nullptr, kOptManifest},
    {"show-stats", no_argument, nullptr, kOptShowStats},
    {"check-params", no_argument, nullptr, kOptCheckParams},
    {"copy", no_argument, nullptr, kOptCopy},
    {"room", required_argument, nullptr, kOptRoom},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'v'},
    {"split", no_argument, nullptr, kOptUnsupported},
    {"reassemble", no_argument, nullptr, kOptUnsupported},
    {"xen-syms", required_argument, nullptr, kOptUnsupported},
    {"xen-vmcoreinfo", required_argument, nullptr, kOptUnsupported},
    {"xen_phys_start", required_argument, nullptr, kOptUnsupported},
    {"vtop", required_argument, nullptr, kOptUnsupported},
    {"config", required_argument, nullptr, kOptUnsupported},
    {"eppic", required_argument, nullptr, kOptUnsupported},
    {"diskset", required_argument, nullptr, kOptUnsupported},
    {"mem-usage", no_argument, nullptr, kOptUnsupported},
    {"partial-dmesg", no_argument, nullptr, kOptUnsupported},
    {"dry-run", no_argument, nullptr, kOptUnsupported},
    {"cyclic-buffer", required_argument, nullptr, kOptUnsupported},
    {"splitblock-size", required_argument, nullptr, kOptUnsupported},
    {"work-dir", required_argument, nullptr, kOptUnsupported},
    {"non-mmap", no_argument, nullptr, kOptUnsupported},
    {nullptr, 0, nullptr, 0},
});

Error usage(std::string what) {
  return {Errc::usage, std::move(what) + " (makedump --help lists the options)"};
}

std::optional<unsigned> parse_number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

Result<unsigned> number_of(const std::string& option, std::string_view text, unsigned most) {
  if (const auto value = parse_number(text, most)) return *value;
  return usage(option + ": '" + std::string(text) + "' is not a number from 0 to " +
               std::to_string(most));
}

Result<uint64_t> parse_bytes(const std::string& option, std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  return usage(option + ": '" + std::string(text) + "' is not a number of bytes");
}

Result<DumpLevel> parse_dump_level(std::string_view text) {
  if (text.find(',') != std::string_view::npos)
    return Error(Errc::unsupported, "-d " + std::string(text) +
                                        ": a list of levels cannot be done yet; give one level");
  KDUMP_TRY_ASSIGN(const unsigned bits, number_of("-d", text, DumpLevel::kAll));
  return DumpLevel{bits};
}

Error unsupported(const std::string& option) {
  return {Errc::unsupported,
          option + ": makedumpfile has this option, this program cannot do it yet"};
}

// What the option was called on the command line, for messages.
std::string option_name(std::span<char* const> argv, int code, int long_index) {
  if (long_index >= 0)
    return std::string("--") + kLongOptions.at(static_cast<size_t>(long_index)).name;
  if (code != '?' && code != ':') return std::string("-") + static_cast<char>(code);
  if (optopt != 0 && optopt < 0x100) return std::string("-") + static_cast<char>(optopt);
  return optind > 0 ? argv[static_cast<size_t>(optind - 1)] : "";
}

Result<void> set_codec(Job& job, Codec codec) {
  if (job.codec != Codec::none && job.codec != codec)
    return usage("-c, -l, -p and -z each name a compression: give one of them");
  job.codec = codec;
  return {};
}

Result<void> apply(Job& job, int code, const std::string& name) {
  switch (code) {
    case 'c':
      return set_codec(job, Codec::zlib);
    case 'l':
      return set_codec(job, Codec::lzo);
    case 'p':
      return set_codec(job, Codec::snappy);
    case 'z':
      return set_codec(job, Codec::zstd);
    case 'd': {
      KDUMP_TRY_ASSIGN(job.dump_level, parse_dump_level(optarg));
      return {};
    }
    case 'F':
      job.flattened = true;
      return {};
    case 'f':
      job.overwrite = true;
      return {};
    case 'D':
      job.message_level |= Job::kDebug;
      return {};
    case 'R':
      job.kind = Job::Kind::rearrange;
      return {};
    case 'h':
      job.kind = Job::Kind::help;
      return {};
    case 'v':
      job.kind = Job::Kind::version;
      return {};
    case kOptMessageLevel: {
      KDUMP_TRY_ASSIGN(job.message_level, number_of(name, optarg, 31));
      return {};
    }
    case kOptNumThreads: {
      KDUMP_TRY_ASSIGN(job.threads, number_of(name, optarg, 1024));
      return {};
    }
    case kOptDumpDmesg:
      job.kind = Job::Kind::dmesg;
      return {};
    case kOptManifest:
      job.manifest = optarg;
      return {};
    case kOptCopy:
      job.kind = Job::Kind::copy;
      return {};
    case kOptRoom: {
      KDUMP_TRY_ASSIGN(job.room, parse_bytes(name, optarg));
      return {};
    }
    case kOptShowStats:
      job.message_level |= Job::kReport;
      return {};
    case kOptCheckParams:
      job.kind = Job::Kind::check_params;
      return {};
    case ':':
      return usage(name + ": needs a value");
    case '?':
      return usage(name + ": no such option");
    default:
      return unsupported(name);
  }
}

}  // namespace

Result<Job> parse_job(std::span<char* const> arguments) {
  // getopt wants a program name in front and a null behind.
  std::string program = "makedump";
  std::vector<char*> argv = {program.data()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);

  Job job;
  optind = 0;  // GNU: start over, options and operands in any order
  opterr = 0;
  for (;;) {
    int long_index = -1;
    const int code = getopt_long(argc, argv.data(), ":cd:efghi:lpvx:zb:DEFL:RX",
                                 kLongOptions.data(), &long_index);
    if (code == -1) break;
    KDUMP_TRY(apply(job, code, option_name(argv, code, long_index)));
    if (job.kind == Job::Kind::help || job.kind == Job::Kind::version) return job;
  }

  std::vector<std::string> operands(argv.begin() + optind, argv.end() - 1);
  if (job.kind == Job::Kind::check_params && operands.empty()) return job;
  if (job.kind == Job::Kind::rearrange) {
    if (operands.size() != 1)
      return usage("-R: expected DUMPFILE, and the flattened dump on stdin; got " +
                   std::to_string(operands.size()) + " file names");
    job.output = std::move(operands[0]);
    return job;
  }
  if (job.flattened && job.kind != Job::Kind::dmesg) {
    if (operands.size() != 1)
      return usage("-F: expected VMCORE, the dump goes to stdout; got " +
                   std::to_string(operands.size()) + " file names");
    operands.emplace_back("stdout");
  }
  if (operands.size() != 2)
    return usage("expected VMCORE and " +
                 std::string(job.kind == Job::Kind::dmesg ? "LOGFILE" : "DUMPFILE") + ", got " +
                 std::to_string(operands.size()) + " file names");
  job.vmcore = std::move(operands[0]);
  job.output = std::move(operands[1]);
  return job;
}

std::string help_text() {
  return R"(makedump - writes what matters of a dead Linux kernel's memory to a file

  makedump [-c|-l|-p|-z] [-d LEVEL] [OPTION]... VMCORE DUMPFILE
  makedump -F [-c|-l|-p|-z] [-d LEVEL] [OPTION]... VMCORE > FLATTENED
  makedump --copy [-f] VMCORE COPY
  makedump --dump-dmesg [-f] VMCORE LOGFILE
  makedump -R [-f] DUMPFILE < FLATTENED

VMCORE is /proc/vmcore, or a copy of one. DUMPFILE can be read by crash, drgn and
libkdumpfile. It is complete when it has its name: until then it is DUMPFILE-incomplete.

  -c, -l, -p, -z       compress pages with zlib, lzo, snappy or zstd
  -d LEVEL             leave out, as a sum: 1 zero pages, 2 page cache, 4 page cache
                       with private data, 8 user pages, 16 free pages; 31 is all of
                       them (default: 0)
  -f                   overwrite DUMPFILE
  -F                   write the flattened form to stdout: -R makes the dump of it
  --copy               copy VMCORE as it is, whatever is wrong with it; zeros become
                       holes, what cannot be read becomes zeros
  --dump-dmesg         write the kernel's log, nothing else
  -R                   make a dump of its flattened form (makedumpfile -F), which
                       comes on stdin
  --num-threads N      compress with N threads (default: the CPUs it may use); the
                       bytes written are the same for any number
  --manifest FILE      write what crashed, what was saved, left out and measured as
                       JSON; with --dump-dmesg only what crashed
  --room BYTES         begin only if the dump will fit into so many bytes
  --message-level N    sum of 1 progress, 2 common messages, 4 errors, 8 debugging,
                       16 report (default: 7)
  --show-stats         the report: how many pages of which class
  -D                   debugging messages
  --check-params       only check the command line
  -h, --help           this text
  -v, --version        version

Exit status: 0 the file is complete; else it is not, and one line on stderr says why:
  1 what was asked for makes no sense, or is not there   3 VMCORE is damaged
  4 DUMPFILE could not be written                        5 it will not fit (--room)
  6 not enough memory
)";
}

}  // namespace kdump
