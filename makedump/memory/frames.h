// Which page frames exist: the input's RAM ranges, in frames. A frame of which only a part is RAM
// exists.
#pragma once

#include <algorithm>
#include <vector>

#include "makedump/source/source.h"

namespace kdump {

class Frames {
 public:
  static Frames of(const std::vector<PhysRange>& ram, PageSize page_size);

  [[nodiscard]] const std::vector<PfnRange>& ranges() const {
    return ranges_;
  }  // sorted, disjoint, not adjacent
  [[nodiscard]] Pfn end() const {
    return ranges_.empty() ? Pfn(0) : ranges_.back().end;
  }  // max_mapnr
  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] PageSize page_size() const { return page_size_; }
  // Calls visit(PfnRange) for each part of `within` that exists, in order.
  template <class Visit>
  void for_each_in(PfnRange within, Visit visit) const {
    for (const PfnRange& range : ranges_) {
      const Pfn begin = std::max(range.begin, within.begin);
      const Pfn end = std::min(range.end, within.end);
      if (begin < end) visit(PfnRange{begin, end});
    }
  }

 private:
  std::vector<PfnRange> ranges_;
  uint64_t count_ = 0;
  PageSize page_size_;
};

}  // namespace kdump
