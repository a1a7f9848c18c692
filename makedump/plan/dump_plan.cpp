#include "makedump/plan/dump_plan.h"

namespace kdump {

namespace {

Error too_big(const char* what) {
  return {Errc::bad_input, std::string("planning the dump: ") + what +
                               " is more than the kdump-compressed format can hold"};
}

}  // namespace

Result<DumpPlan> make_plan(const PlanInputs& inputs) {
  const uint64_t block = inputs.page_size.bytes();

  const uint64_t sub_blocks = div_round_up(KdumpSubHeader::kEncodedSize + inputs.notes_size, block);
  if (sub_blocks > UINT32_MAX) return too_big("the size of the notes");

  // Two bitmaps of the same size, each a whole number of blocks: readers split the area in the
  // middle.
  const uint64_t one_bitmap = div_round_up(div_round_up(inputs.max_mapnr.v, 8), block);
  if (one_bitmap > UINT32_MAX / 2) return too_big("the highest page frame number");

  DumpPlan plan;
  plan.page_size = inputs.page_size;
  plan.max_mapnr = inputs.max_mapnr;
  plan.pages_to_store = inputs.pages_to_store;
  plan.sub_hdr_blocks = static_cast<uint32_t>(sub_blocks);
  plan.bitmap_blocks = static_cast<uint32_t>(one_bitmap * 2);
  plan.sub_header = FileOffset(block);
  plan.notes = plan.sub_header + KdumpSubHeader::kEncodedSize;
  plan.bitmap1 = FileOffset((1 + sub_blocks) * block);
  plan.bitmap2 = plan.bitmap1 + one_bitmap * block;
  plan.descriptors = plan.bitmap2 + one_bitmap * block;

  const auto table = checked_mul(inputs.pages_to_store, PageDescriptor::kEncodedSize);
  const auto data = table ? checked_add(plan.descriptors.v, *table) : std::nullopt;
  // One more page: the zero page that all others share.
  const auto pages = checked_mul(inputs.pages_to_store, block);
  const auto with_zero_page = pages ? checked_add(*pages, block) : std::nullopt;
  const auto bound = data && with_zero_page ? checked_add(*data, *with_zero_page) : std::nullopt;
  if (!bound || *bound > static_cast<uint64_t>(INT64_MAX)) return too_big("the number of pages");
  plan.data = FileOffset(*data);
  plan.size_bound = *bound;
  return plan;
}

}  // namespace kdump
