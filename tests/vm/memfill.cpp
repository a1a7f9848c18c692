// memfill: fills a guest's memory with a known mix of pages, then stays alive holding it.
//
// The VM tests crash a guest and compare what the dump kept with the kernel's own page flags. That
// only means something when every kind of page a dump level can drop is there in numbers: a guest
// that just booted has next to no anonymous memory, no hugetlb and no freed pages with old content
// in them. This program makes them and prints how many it made.
//
// It is static and uses nothing but the kernel, as it also runs in an initramfs without libraries.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMiB = 1024 * 1024;
constexpr size_t kHugePage = 2 * kMiB;

// Sizes in MiB of the whole mix, for a guest of 2 GiB; --scale changes them all.
struct Mix {
  size_t anon = 260;        // ordinary anonymous pages
  size_t thp = 64;          // anonymous, asked to be transparent huge pages (compound user pages)
  size_t tmpfs = 128;       // swap-backed page cache
  size_t cache_read = 224;  // clean page cache without private data
  size_t cache_dirty = 96;  // page cache with buffer heads (PG_private) on ext4
  size_t hugetlb = 64;      // 2 MiB pages
  size_t zero = 128;        // touched, and all zero: user pages to -d 8, zero pages to -d 1
  size_t freed = 320;       // filled and given back: free pages with old content in them
  size_t hwpoison = 2;      // pages, not MiB
};

struct Options {
  unsigned scale = 100;
  std::string dir = "/var/memfill";      // on a disk's file system: page cache that is not tmpfs
  std::string shm = "/run/memfill-shm";  // where the tmpfs is mounted
  bool hwpoison = false;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "memfill: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

// xorshift: content that no codec can shrink, the same in every run.
uint64_t next_random(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// A third of the pages each: random, text-like, nearly empty. Real memory is such a mix; all-random
// pages would make every codec fall back to "stored", and all-equal ones would flatter it.
void fill_page(unsigned char* page, uint32_t kind, uint64_t number) {
  uint64_t state = (uint64_t{kind} << 40 | number) * 0x9e3779b97f4a7c15ULL + 1;
  auto* words = reinterpret_cast<uint64_t*>(page);
  switch (number % 3) {
    case 0:
      for (size_t i = 0; i < kPage / 8; i++)
        words[i] = next_random(state);
      break;
    case 1:
      for (size_t i = 0; i < kPage; i += 32) {
        char line[33];
        std::snprintf(line, sizeof line, "line %6llu of memfill, kind %2u\n",
                      static_cast<unsigned long long>(next_random(state) % 1000000), kind);
        std::memcpy(page + i, line, 32);
      }
      break;
    default:
      std::memset(page, 0, kPage);
      for (int i = 0; i < 16; i++)
        words[next_random(state) % (kPage / 8)] = next_random(state);
  }
  // A mark that says whose page it is, so that a leak of user memory into a dump can be seen with
  // grep.
  char mark[32];
  std::snprintf(mark, sizeof mark, "memfill:%u:%llu;", kind,
                static_cast<unsigned long long>(number));
  std::memcpy(page, mark, std::strlen(mark));
}

void fill(unsigned char* at, size_t bytes, uint32_t kind) {
  for (size_t i = 0; i < bytes / kPage; i++)
    fill_page(at + i * kPage, kind, i);
}

unsigned char* map_anon(size_t bytes, int flags = 0) {
  void* at =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<unsigned char*>(at);
}

void report(const char* kind, size_t pages) {
  std::printf("memfill: %s %zu pages\n", kind, pages);
}

void make_file(const std::string& path, size_t bytes, uint32_t kind, bool sync) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) die(path);
  static unsigned char buffer[kMiB];
  for (size_t done = 0; done < bytes; done += sizeof buffer) {
    for (size_t i = 0; i < sizeof buffer / kPage; i++)
      fill_page(buffer + i * kPage, kind, done / kPage + i);
    if (write(fd, buffer, sizeof buffer) != static_cast<ssize_t>(sizeof buffer)) die(path);
  }
  if (sync && fsync(fd) != 0) die(path);
  close(fd);
}

// Page cache that was only ever read has no buffer heads, page cache that was written has: so
// write, drop, read again.
void read_file_again(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) die(path);
  static unsigned char buffer[kMiB];
  while (read(fd, buffer, sizeof buffer) > 0) {
  }
  close(fd);
}

size_t fill_hugetlb(size_t mib) {
  const size_t wanted = mib * kMiB / kHugePage;
  FILE* control = std::fopen("/proc/sys/vm/nr_hugepages", "r+");
  if (!control) return 0;  // a kernel without hugetlb: the report then says 0
  std::fprintf(control, "%zu\n", wanted);
  std::fflush(control);
  std::rewind(control);
  size_t got = 0;
  if (std::fscanf(control, "%zu", &got) != 1) got = 0;
  std::fclose(control);
  got = got < wanted ? got : wanted;
  if (got == 0) return 0;
  unsigned char* at = map_anon(got * kHugePage, MAP_HUGETLB);
  if (!at) return 0;
  fill(at, got * kHugePage, 6);
  return got * (kHugePage / kPage);
}

// The kernel's own injection. It may answer with SIGBUS or SIGKILL, hence the child.
size_t poison(size_t pages) {
  size_t done = 0;
  for (size_t i = 0; i < pages; i++) {
    pid_t child = fork();
    if (child == 0) {
      std::signal(SIGBUS, SIG_IGN);
      unsigned char* at = map_anon(kPage);
      if (!at) _exit(1);
      fill(at, kPage, 9);
      _exit(madvise(at, kPage, MADV_HWPOISON) == 0 ? 0 : 1);
    }
    // 6.12 kills the owner of a dirty page with SIGBUS although the call was only an injection.
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child &&
        (WIFSIGNALED(status) || WEXITSTATUS(status) == 0))
      done++;
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string arg = argv[i];
    const auto value = [&]() -> const char* {
      if (i + 1 >= argc) {
        std::fprintf(stderr, "memfill: %s wants a value\n", arg.c_str());
        std::exit(2);
      }
      return argv[++i];
    };
    if (arg == "--scale")
      options.scale = static_cast<unsigned>(std::atoi(value()));
    else if (arg == "--dir")
      options.dir = value();
    else if (arg == "--shm")
      options.shm = value();
    else if (arg == "--hwpoison")
      options.hwpoison = true;
    else {
      std::fprintf(stderr,
                   "usage: memfill [--scale PERCENT] [--dir DIR] [--shm DIR] [--hwpoison]\n");
      return 2;
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Mix mix;
  for (size_t* part : {&mix.anon, &mix.thp, &mix.tmpfs, &mix.cache_read, &mix.cache_dirty,
                       &mix.hugetlb, &mix.zero, &mix.freed})
    *part = *part * options.scale / 100;

  // Hugetlb first: it needs unfragmented memory.
  report("hugetlb", fill_hugetlb(mix.hugetlb));

  // Memory that is freed at the end, taken now: whatever comes later then lies between it and other
  // pages.
  unsigned char* freed = mix.freed ? map_anon(mix.freed * kMiB) : nullptr;
  if (freed) fill(freed, mix.freed * kMiB, 8);

  if (mix.anon) {
    unsigned char* anon = map_anon(mix.anon * kMiB);
    if (!anon) die("anonymous memory");
    madvise(anon, mix.anon * kMiB, MADV_NOHUGEPAGE);
    fill(anon, mix.anon * kMiB, 1);
  }
  report("anon", mix.anon * kMiB / kPage);

  if (mix.thp) {
    unsigned char* thp = map_anon((mix.thp + 2) * kMiB);
    if (!thp) die("transparent huge pages");
    thp += (kHugePage - reinterpret_cast<uintptr_t>(thp) % kHugePage) % kHugePage;
    madvise(thp, mix.thp * kMiB, MADV_HUGEPAGE);
    fill(thp, mix.thp * kMiB, 2);
  }
  report("thp", mix.thp * kMiB / kPage);

  if (mix.zero) {
    unsigned char* zero = map_anon(mix.zero * kMiB);
    if (!zero) die("zero pages");
    madvise(zero, mix.zero * kMiB, MADV_NOHUGEPAGE);
    // A write of a zero: a mere read would map the kernel's one shared zero page.
    for (size_t i = 0; i < mix.zero * kMiB; i += kPage)
      *const_cast<volatile unsigned char*>(zero + i) = 0;
  }
  report("zero", mix.zero * kMiB / kPage);

  if (mix.tmpfs) {
    mkdir(options.shm.c_str(), 0700);
    if (mount("tmpfs", options.shm.c_str(), "tmpfs", 0, "size=80%") != 0) die(options.shm);
    make_file(options.shm + "/data", mix.tmpfs * kMiB, 3, false);
  }
  report("tmpfs", mix.tmpfs * kMiB / kPage);

  mkdir(options.dir.c_str(), 0700);
  if (mix.cache_read) {
    make_file(options.dir + "/read", mix.cache_read * kMiB, 4, true);
    read_file_again(options.dir + "/read");
  }
  report("cache-read", mix.cache_read * kMiB / kPage);
  if (mix.cache_dirty) make_file(options.dir + "/dirty", mix.cache_dirty * kMiB, 5, false);
  report("cache-dirty", mix.cache_dirty * kMiB / kPage);

  if (freed) munmap(freed, mix.freed * kMiB);
  report("freed", mix.freed * kMiB / kPage);
  report("hwpoison", options.hwpoison ? poison(mix.hwpoison) : 0);

  // From here on a child holds it all, and the parent's end tells the caller that the mix is there.
  pid_t holder = fork();
  if (holder < 0) die("fork");
  if (holder > 0) {
    std::printf("memfill: ready\n");
    std::fflush(stdout);
    _exit(0);  // no unmapping on this side matters: the child shares every page
  }
  setsid();
  for (;;)
    pause();
}
