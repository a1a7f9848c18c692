#include "makedump/memory/frames.h"

namespace kdump {

Frames Frames::of(const std::vector<PhysRange>& ram, PageSize page_size) {
  Frames frames;
  frames.page_size_ = page_size;
  for (const PhysRange& range : ram) {
    if (range.empty()) continue;
    const Pfn begin = page_size.pfn(range.begin);
    const Pfn end = page_size.pfn(range.end - 1) + 1;
    // Two ranges may end and begin within one frame.
    if (!frames.ranges_.empty() && begin <= frames.ranges_.back().end)
      frames.ranges_.back().end = std::max(frames.ranges_.back().end, end);
    else
      frames.ranges_.push_back({begin, end});
  }
  for (const PfnRange& range : frames.ranges_)
    frames.count_ += range.size();
  return frames;
}

}  // namespace kdump
