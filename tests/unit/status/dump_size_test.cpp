#include "daemon/status/dump_size.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// 4 GiB: 1 GiB free, 1 GiB of programs, 768 MiB of cache.
constexpr char kMeminfo[] =
    "MemTotal:        4194304 kB\n"
    "MemFree:         1048576 kB\n"
    "MemAvailable:    1800000 kB\n"
    "Buffers:          262144 kB\n"
    "Cached:           524288 kB\n"
    "AnonPages:       1048576 kB\n"
    "HugePages_Total:      64\n"
    "Hugepagesize:       2048 kB\n";

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> result;
  for (std::string word; in >> word;)
    result.push_back(word);
  return result;
}

TEST(CollectorOptions, AreReadAsMakedumpReadsThem) {
  struct Row {
    const char* line;
    unsigned level;
    const char* codec;
  };
  for (const Row& row : {
           Row{"makedumpfile -l --message-level 7 -d 31", 31, "lzo"},
           Row{"makedumpfile -c -d 0", 0, "zlib"},
           Row{"makedumpfile -z -d 17", 17, "zstd"},
           Row{"makedumpfile -p -d 31,17", 31, "snappy"},
           Row{"makedumpfile -E -d 1", 1, "none"},
           Row{"makedumpfile -d", 0, "none"},
           Row{"makedumpfile -d 99", 0, "none"},
           Row{"scp", 0, "none"},
       }) {
    const CollectorOptions options = collector_options(words(row.line));
    EXPECT_EQ(options.level, row.level) << row.line;
    EXPECT_EQ(options.codec, row.codec) << row.line;
  }
}

class DumpSizes : public testing::Test {
 protected:
  DumpSizes() {
    fake_.write("/proc/meminfo", kMeminfo);
    fake_.write("/proc/iomem", "00000000-00000000 : System RAM\n");  // as others than root see it
    fake_.write("/sys/kernel/kexec_crash_size", "0\n");
  }

  DumpSize predict(const std::string& collector, const std::vector<Capture>& captures = {}) {
    Settings settings;
    settings.core_collector = words(collector);
    auto size = predict_dump_size(fake_.host.paths, settings, captures);
    EXPECT_TRUE(size) << (size ? "" : size.error().message());
    return size ? *size : DumpSize{};
  }

  FakeHost fake_;
};

TEST_F(DumpSizes, EachBitOfTheLevelLeavesItsMemoryOut) {
  const uint64_t all = 4096 * kMiB + 64 * kMiB;  // with what MemTotal leaves out
  struct Row {
    unsigned level;
    uint64_t pages;
  };
  for (const Row& row : {Row{0, all}, Row{1, all}, Row{2, all - 512 * kMiB},
                         Row{4, all - 768 * kMiB}, Row{8, all - (1024 + 128) * kMiB},
                         Row{16, all - 1024 * kMiB}, Row{31, all - (768 + 1152 + 1024) * kMiB}})
    EXPECT_EQ(predict("makedumpfile -d " + std::to_string(row.level)).pages, row.pages)
        << row.level;
}

TEST_F(DumpSizes, WithoutCompressionLikelyIsTheMost) {
  const DumpSize size = predict("makedumpfile -d 31");
  EXPECT_EQ(size.likely, size.at_most);
  EXPECT_EQ(size.ratio, 1.0);
  // A descriptor of 24 bytes a page, two bits a page of all memory, and the headers
  EXPECT_EQ(size.likely, size.pages + size.pages / 4096 * 24 + size.memory / 4096 / 4 + 65536);
}

TEST_F(DumpSizes, ReservedMemoryIsNotDumped) {
  fake_.write("/proc/iomem",
              "00001000-0009ffff : System RAM\n"
              "000a0000-000fffff : PCI Bus\n"
              "00100000-13fffffff : System RAM\n"
              "  2a000000-35ffffff : Crash kernel\n");
  fake_.write("/sys/kernel/kexec_crash_size", "201326592\n");
  EXPECT_EQ(predict("makedumpfile -d 0").memory, 0x9f000U + 0x13ff00000U - 192 * kMiB);
}

TEST_F(DumpSizes, TheLastCaptureOfTheSameKindTellsWhatCompressionDoes) {
  Capture other, incomplete, last;
  for (Capture* capture : {&other, &incomplete, &last}) {
    capture->state = Capture::State::complete;
    capture->codec = "lzo";
    capture->stored_bytes = 100 * kMiB;
    capture->dump_bytes = 25 * kMiB;
  }
  other.codec = "zlib";
  incomplete.state = Capture::State::incomplete;
  last.id = "127.0.0.1-2026-11-24";
  const DumpSize size = predict("makedumpfile -l -d 31", {other, incomplete, last});
  EXPECT_EQ(size.ratio, 0.25);
  EXPECT_EQ(size.ratio_of, "127.0.0.1-2026-11-24");
  EXPECT_LT(size.likely, size.at_most / 3);
  EXPECT_EQ(predict("makedumpfile -l -d 31").ratio, 0.5);
  EXPECT_EQ(predict("makedumpfile -l -d 31").ratio_of, "");
}

TEST_F(DumpSizes, NonsenseIsRefusedOrBounded) {
  fake_.write("/proc/meminfo", "MemTotal: many kB\n");
  EXPECT_FALSE(predict_dump_size(fake_.host.paths, Settings(), {}));
  fake_.remove("/proc/meminfo");
  EXPECT_FALSE(predict_dump_size(fake_.host.paths, Settings(), {}));
  fake_.write("/proc/meminfo", "MemTotal: 1024 kB\nMemFree: 4096 kB\nAnonPages: 99999 kB\n");
  EXPECT_EQ(predict("makedumpfile -d 31").pages, 0U);
}

}  // namespace
}  // namespace kdump
