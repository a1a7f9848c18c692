#include "makedump/source/mapping_guard.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace kdump {

namespace {

struct Place {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<bool> broken{false};
};

// A reader a thread, and some that look at tables.
std::array<Place, 512> places;
uintptr_t page_bytes;

// Only what signal-safety(7) allows, and mmap(2), which is a system call and no more.
void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  if (info->si_code > 0) {  // by the kernel, not by kill(2)
    for (Place& place : places) {
      if (address < place.begin.load() || address >= place.end.load()) continue;
      void* const page = static_cast<std::byte*>(info->si_addr) - address % page_bytes;
      if (::mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          MAP_FAILED)
        break;
      place.broken.store(true);
      return;
    }
  }
  // Nobody's: as if there were no handler. The access is made again, and ends the process.
  (void)std::signal(signal, SIG_DFL);
  if (info->si_code <= 0) (void)::raise(signal);
}

bool install_handler() {
  page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

MappingGuard::MappingGuard() {
  static const bool installed = install_handler();
  for (size_t i = 0; installed && i < places.size(); ++i) {
    if (places[i].taken.exchange(true)) continue;
    place_ = static_cast<int>(i);
    return;
  }
}

MappingGuard::~MappingGuard() {
  if (place_ < 0) return;
  forget();
  places[static_cast<size_t>(place_)].taken.store(false);
}

void MappingGuard::watch(void* begin, size_t bytes) {
  forget();
  Place& place = places[static_cast<size_t>(place_)];
  place.broken.store(false);
  place.begin.store(reinterpret_cast<uintptr_t>(begin));
  place.end.store(reinterpret_cast<uintptr_t>(begin) + bytes);
}

void MappingGuard::forget() {
  Place& place = places[static_cast<size_t>(place_)];
  place.end.store(0);  // first: at no moment is there a range that is nobody's
  place.begin.store(0);
}

bool MappingGuard::broken() const {
  return places[static_cast<size_t>(place_)].broken.load(std::memory_order_relaxed);
}

}  // namespace kdump
