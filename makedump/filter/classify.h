// Stage 4: which class each page frame is in, by what the dead kernel's struct pages say and what
// was asked to be left out.
#pragma once

#include "makedump/filter/page_class.h"
#include "makedump/filter/page_set.h"
#include "makedump/memory/page_array.h"

namespace kdump {

// makedumpfile's -d: a sum of what to leave out.
struct DumpLevel {
  static constexpr unsigned kZero = 1, kCache = 2, kCachePrivate = 4, kUser = 8, kFree = 16,
                            kAll = 31;
  unsigned bits = 0;
  [[nodiscard]] bool has(unsigned bit) const { return (bits & bit) != 0; }
  // Levels 0 and 1 can do without struct pages: then poisoned and offline pages are not left out.
  [[nodiscard]] bool needs_page_structs() const { return (bits & ~kZero) != 0; }
};

// Compound pages and free blocks never reach over a multiple of this, so windows that begin and end
// there can be classified one by one: 16 GiB of 4 KiB pages, the largest gigantic page of any
// machine.
inline constexpr uint64_t kWindowAlign = uint64_t{1} << 22;

class Classifier {
 public:
  // None of the arguments is owned; all must outlive this. Thread-safe when each thread has its own
  // `memory`.
  Classifier(const PageArray& pages, const PageLayout& layout, const Frames& frames,
             DumpLevel level)
      : pages_(pages), layout_(layout), frames_(frames), level_(level) {}

  // The frames of `window` (begin a multiple of kWindowAlign) that the dump will hold, and counts
  // of what was left out added to `counts`. Damaged struct pages are never an error: what can't be
  // read or makes no sense is kept.
  PageSet classify(AddressSpace& memory, PfnRange window, PageCounts& counts) const;

 private:
  class Walk;

  const PageArray& pages_;
  const PageLayout& layout_;
  const Frames& frames_;
  const DumpLevel level_;
};

}  // namespace kdump
