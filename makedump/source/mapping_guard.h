// Lets a mapped file be cut short, or its disk fail, without ending the process.
//
// The kernel tells of both by SIGBUS, when the page is touched. The handler puts a page of zeros in
// its place and remembers that: who touches pages asks broken() before believing them.
#pragma once

#include <cstddef>

namespace kdump {

class MappingGuard {
 public:
  // Takes one of a fixed number of places: there are fewer readers than that.
  MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;
  ~MappingGuard();

  // False when all places are taken, or there is no handler: then nothing may be mapped.
  [[nodiscard]] bool is_usable() const { return place_ >= 0; }

  // The mapping that is guarded from now on, instead of the one before; forget() before munmap(2).
  void watch(void* begin, size_t bytes);
  void forget();

  // A page of the mapping that was watched last could not be read, and reads as zeros.
  [[nodiscard]] bool broken() const;

 private:
  int place_ = -1;
};

}  // namespace kdump
