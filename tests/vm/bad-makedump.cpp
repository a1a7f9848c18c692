// makedump with a fault: the real one, and something that goes wrong with it on a bad day. The
// program that tests put into the capture image calls this instead (tests/vm/CMakeLists.txt); which
// fault, the capture kernel's command line says: bad-makedump=WORD[,WORD…]
//
//   no-room      it does not know how much room there is, as if somebody else filled the target
//   kill:MIB     is killed when it has written so much
//   hog:MIB      takes all memory from then on, until the kernel kills it
//   spin:MIB     takes the only CPU from then on, so that not even PID 1 runs any more
//   fill:MIB     from then on its target has no room left
//   rungs:N      all this in the first N ways of getting a dump only
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "makedump/program.h"

namespace kdump {
int bad_makedump_main(int argc, char** argv);
}

namespace {

std::string faults() {
  std::ifstream file("/proc/cmdline");
  std::string word;
  while (file >> word)
    if (word.starts_with("bad-makedump=")) return "," + word.substr(13) + ",";
  return ",";
}

// The number behind a word; -1 if it is not there.
double number_of(const std::string& all, const std::string& word) {
  const size_t at = all.find("," + word + ":");
  return at == std::string::npos ? -1 : std::atof(all.c_str() + at + word.size() + 2);
}

int rung_of(const std::vector<char*>& argv) {
  int rung = 1;
  for (size_t i = 1; i < argv.size(); ++i) {
    if (std::strcmp(argv[i], "--copy") == 0) return 3;
    if (i + 1 < argv.size() && std::strcmp(argv[i], "-d") == 0)
      rung = std::strcmp(argv[i + 1], "0") == 0 ? 2 : 1;
  }
  return rung;
}

void wait_until_written(double mib) {
  for (;;) {
    std::ifstream io("/proc/self/io");
    std::string key;
    long value = 0;
    while (io >> key >> value)
      if (key == "wchar:" && static_cast<double>(value) >= mib * (1 << 20)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void take_all_memory() {
  for (;;) {
    char* part = static_cast<char*>(std::malloc(size_t{1} << 20));
    if (part) std::memset(part, 1, size_t{1} << 20);
  }
}

void take_the_cpu() {
  const int fd = ::open("/proc/sys/kernel/sched_rt_runtime_us", O_WRONLY);
  if (fd >= 0) (void)!::write(fd, "-1", 2);
  sched_param most{};
  most.sched_priority = 99;
  (void)::sched_setscheduler(0, SCHED_FIFO, &most);
  for (;;)
    continue;
}

void fill_target(const std::string& dump) {
  const std::string path = dump.substr(0, dump.rfind('/', dump.rfind('/') - 1)) + "/filler";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  off_t at = 0;
  // At once: the dump goes on meanwhile.
  for (off_t chunk = off_t{1} << 30; chunk >= 4096; chunk /= 2)
    while (::fallocate(fd, 0, at, chunk) == 0)
      at += chunk;
}

// To the kernel's log, so that a test sees when it happened.
void tell(const char* what) {
  const int fd = ::open("/dev/kmsg", O_WRONLY);
  const std::string line = std::string("bad-makedump: ") + what + "\n";
  (void)!::write(fd, line.data(), line.size());
}

}  // namespace

int kdump::bad_makedump_main(int argc, char** argv) {
  const std::string all = faults();
  std::vector<char*> words(argv, argv + argc);
  bool is_dump = true;
  for (const char* word : words)
    is_dump = is_dump && std::strcmp(word, "--dump-dmesg") != 0;
  const double rungs = number_of(all, "rungs");
  if (is_dump && (rungs < 0 || rung_of(words) <= rungs)) {
    if (all.find(",no-room,") != std::string::npos)
      for (size_t i = 0; i + 1 < words.size(); ++i)
        if (std::strcmp(words[i], "--room") == 0) {
          words.erase(words.begin() + static_cast<long>(i),
                      words.begin() + static_cast<long>(i) + 2);
          break;
        }
    const std::string dump = words.back();
    std::thread([all, dump] {
      for (const char* fault : {"kill", "hog", "spin", "fill"}) {
        const double mib = number_of(all, fault);
        if (mib < 0) continue;
        wait_until_written(mib);
        tell(fault);
        if (std::strcmp(fault, "kill") == 0) (void)::kill(::getpid(), SIGKILL);
        if (std::strcmp(fault, "hog") == 0) take_all_memory();
        if (std::strcmp(fault, "spin") == 0) take_the_cpu();
        if (std::strcmp(fault, "fill") == 0) fill_target(dump);
      }
    }).detach();
  }
  words.push_back(nullptr);
  return makedump_main(static_cast<int>(words.size()) - 1, words.data());
}
