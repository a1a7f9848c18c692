// Stage 6: read → zero test → compress → order → write. The bytes are the same for any number of
// threads.
//
// A batch of frames is one slot of an OrderedPool: workers view pages straight in the source's
// window and compress them into the slot's buffer; then, in order, the slot's pages get their
// places behind what is written already, and go to the sink in one write, with their stretch of the
// descriptor table.
#pragma once

#include <memory>
#include <vector>

#include "makedump/base/ordered_pool.h"
#include "makedump/compress/codec.h"
#include "makedump/filter/page_set.h"
#include "makedump/plan/dump_plan.h"
#include "makedump/sink/sink.h"
#include "makedump/source/source.h"

namespace kdump {

struct PackOptions {
  Codec codec = Codec::none;
  bool share_zero_pages = false;  // dump_level bit 1
  unsigned threads = 1;
  ByteOrder byte_order = ByteOrder::little;
  uint64_t memory = 0;  // bytes for slots and windows; fewer slots and threads rather than fail
};

struct PackTotals {
  uint64_t stored = 0;      // with their own bytes
  uint64_t zero = 0;        // shared one stored page
  uint64_t unreadable = 0;  // descriptor left empty
  uint64_t data_bytes = 0;  // page data written
  uint64_t written_to = 0;  // file offset behind the last byte of page data
};

class Packer {
 public:
  // The arguments must outlive the Packer. Readers, codecs and buffers are all made here.
  static Result<Packer> open(const Source& source, const DumpPlan& plan, Sink& sink,
                             const PackOptions& options);
  Packer(Packer&&) noexcept;
  ~Packer();

  // Packs the members of `window`. Windows come in the order of frames. `progress` (may be empty)
  // is told the pages done so far.
  Result<void> pack(const PageSet& window, const std::function<void(uint64_t)>& progress);

  [[nodiscard]] const PackTotals& totals() const;
  [[nodiscard]] unsigned threads() const;  // that are really used

 private:
  struct State;
  explicit Packer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kdump
