// Stage 5: everything about the output that is known before its first byte is written, and does not
// change after.
//
// Headers, bitmaps and the descriptor table have fixed places; page data only appends behind them.
// Compressed sizes are the only thing learnt later, and the plan carries their upper bound.
#pragma once

#include "makedump/base/result.h"
#include "makedump/base/units.h"
#include "makedump/filter/classify.h"
#include "makedump/format/diskdump.h"

namespace kdump {

struct PlanInputs {
  PageSize page_size;
  Pfn max_mapnr;            // one past the last frame that exists
  uint64_t pages_to_store;  // frames in bitmap 2
  uint64_t notes_size = 0;  // bytes
};

struct DumpPlan {
  PageSize page_size;
  Pfn max_mapnr;
  uint64_t pages_to_store = 0;
  uint32_t sub_hdr_blocks = 0;
  uint32_t bitmap_blocks = 0;  // both
  FileOffset sub_header, notes, bitmap1, bitmap2, descriptors, data;
  uint64_t size_bound = 0;  // bytes; the file is never longer: every page stored raw
};

// bad_input when the numbers overflow or the format cannot hold them.
Result<DumpPlan> make_plan(const PlanInputs& inputs);

}  // namespace kdump
