#include "makedump/pack/packer.h"

#include <algorithm>
#include <span>

#include "makedump/base/bytes.h"

namespace kdump {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// A batch is one slot's worth of page bytes. Large enough that locks, system calls and the mapping
// of windows do not count; small enough that what a worker compressed is still in its cache when it
// is written. It must not depend on memory or threads: where the shared zero page lands depends on
// it, and the dump's bytes depend on nothing but the input.
constexpr uint64_t kBatchBytes = kMiB;

constexpr uint64_t kWindowMin = 256 << 10;
constexpr uint64_t kWindowUsual = 4 * kMiB;
// Codec contexts, the touched part of a stack, page tables of a window.
constexpr uint64_t kThreadOverhead = kMiB;
// Two a thread: one being filled while the other waits for its turn to be written.
constexpr uint64_t kSlotsPerThread = 2;

// PageReader::view_frame gives no more.
constexpr uint64_t kPageBytesMax = 65536;

// Any word-wide loop is as fast as memory here; what counts is to stop at the first block that is
// not zero, as nearly all pages with content have something in theirs.
bool is_zero(Bytes page) {
  constexpr size_t kBlock = 256;
  for (const std::byte* block = page.data(); block != page.data() + page.size(); block += kBlock) {
    uint64_t any = 0;
    for (size_t i = 0; i < kBlock; i += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, block + i, sizeof(word));
      any |= word;
    }
    if (any != 0) return false;
  }
  return true;
}

// A page that the input cannot give is a fact about the dead machine, not a failure of the dump.
bool is_lost_page(Errc code) {
  return code == Errc::not_found || code == Errc::bad_input || code == Errc::io;
}

// What became of one page. size 0: nothing stored, `flags` tells why.
struct PackedPage {
  static constexpr uint32_t kZero = 1, kLost = 2;
  uint32_t size = 0;
  uint32_t flags = 0;
};

struct Batch {
  std::vector<Pfn> frames;        // capacity: a batch
  std::vector<PackedPage> pages;  // of the same index
  std::vector<std::byte> data;    // the stored pages, back to back
  size_t used = 0;                // of data
};

struct Worker {
  std::unique_ptr<PageReader> reader;
  std::unique_ptr<Compressor> compressor;
};

// How much of everything there is, within PackOptions::memory.
struct Sizes {
  unsigned threads = 1;
  uint64_t slots = 1;
  uint64_t window = kWindowUsual;
};

Sizes choose_sizes(uint64_t memory, uint64_t slot_bytes, unsigned threads) {
  Sizes sizes;
  const uint64_t one = kThreadOverhead + slot_bytes;  // a lone thread needs a single slot
  const uint64_t each = kThreadOverhead + kSlotsPerThread * slot_bytes + kWindowUsual;
  sizes.threads =
      static_cast<unsigned>(std::clamp<uint64_t>(memory / each, 1, std::max<unsigned>(threads, 1)));
  if (sizes.threads > 1) {
    sizes.slots = kSlotsPerThread * sizes.threads;
  } else if (memory < one + kWindowUsual) {
    const uint64_t left = memory > one ? memory - one : 0;
    sizes.window = std::max(align_down(left, kWindowMin), kWindowMin);
  }
  return sizes;
}

}  // namespace

struct Packer::State {
  State(const DumpPlan& the_plan, Sink& the_sink, const PackOptions& the_options)
      : plan(the_plan), sink(the_sink), options(the_options) {}

  // The three stages of the pool.
  Result<bool> next(Batch& batch);
  Result<void> work(Batch& batch, Worker& worker) const;
  Result<void> take(Batch& batch);

  Result<void> write_zero_page();
  Result<void> write_batch(const Batch& batch);
  Result<void> write_descriptors(std::span<const PackedPage> pages, uint64_t data_bytes);

  const DumpPlan& plan;
  Sink& sink;
  const PackOptions options;
  uint64_t batch_pages = 0;
  std::vector<Worker> workers;
  std::unique_ptr<OrderedPool<Batch>> pool;
  PackTotals totals;

  // Set for the time of one pack().
  const PageSet* window = nullptr;
  Pfn cursor;  // the next frame of `window` to look at
  const std::function<void(uint64_t)>* progress = nullptr;

  FileOffset end;                      // where the next page's data goes
  uint64_t rank = 0;                   // of the next page, in the descriptor table
  std::vector<std::byte> descriptors;  // of one batch
  PageDescriptor zero_page;
};

Result<bool> Packer::State::next(Batch& batch) {
  batch.frames.clear();
  while (batch.frames.size() < batch_pages) {
    const Pfn frame = window->next(cursor);
    if (frame >= window->window().end) break;
    batch.frames.push_back(frame);
    cursor = frame + 1;
  }
  return !batch.frames.empty();
}

Result<void> Packer::State::work(Batch& batch, Worker& worker) const {
  const size_t page_bytes = plan.page_size.bytes();
  batch.used = 0;
  for (size_t i = 0; i < batch.frames.size(); ++i) {
    PackedPage& packed = batch.pages[i];
    auto page = worker.reader->view_frame(plan.page_size.addr(batch.frames[i]), page_bytes);
    if (!page) {
      if (!is_lost_page(page.error().code())) return std::move(page).error();
      packed = {0, PackedPage::kLost};
      continue;
    }
    if (options.share_zero_pages && is_zero(*page)) {
      packed = {0, PackedPage::kZero};
      continue;
    }
    const MutBytes room = MutBytes(batch.data).subspan(batch.used);
    const size_t size = worker.compressor->compress(*page, room);
    if (size > 0 && size < page_bytes) {
      packed = {static_cast<uint32_t>(size), static_cast<uint32_t>(options.codec)};
    } else {
      std::memcpy(room.data(), page->data(), page_bytes);
      packed = {static_cast<uint32_t>(page_bytes), 0};
    }
    batch.used += packed.size;
  }
  return {};
}

Result<void> Packer::State::take(Batch& batch) {
  KDUMP_TRY(write_batch(batch));
  if (*progress) (*progress)(rank);
  return {};
}

Result<void> Packer::State::write_batch(const Batch& batch) {
  // The plan gave the table this many places and no more.
  if (rank + batch.frames.size() > plan.pages_to_store) {
    return Error(Errc::internal, "more pages to pack than the " +
                                     std::to_string(plan.pages_to_store) + " that were planned");
  }
  const auto pages = std::span(batch.pages).first(batch.frames.size());
  if (zero_page.offset == 0 && std::any_of(pages.begin(), pages.end(), [](const PackedPage& page) {
        return page.size == 0 && page.flags == PackedPage::kZero;
      }))
    KDUMP_TRY(write_zero_page());
  // Data before its descriptors, and both with each batch: when the target fills up, or this
  // process is killed, nothing points to data that is not there, and all data that is there is
  // pointed to.
  if (batch.used > 0) KDUMP_TRY(sink.write_at(end, Bytes(batch.data).first(batch.used)));
  return write_descriptors(pages, batch.used);
}

// Stored when the first zero page is met: a dump without any keeps to the plan's bound of size.
Result<void> Packer::State::write_zero_page() {
  const uint64_t page_bytes = plan.page_size.bytes();
  const std::vector<std::byte> zeros(page_bytes);
  KDUMP_TRY(sink.write_at(end, zeros));
  zero_page = {end.v, static_cast<uint32_t>(page_bytes), 0};
  end += page_bytes;
  totals.data_bytes += page_bytes;
  return {};
}

// Of pages whose data, `data_bytes` in all, was written at `end`.
Result<void> Packer::State::write_descriptors(std::span<const PackedPage> pages,
                                              uint64_t data_bytes) {
  PackTotals sum = totals;
  FileOffset data = end;
  std::byte* out = descriptors.data();
  for (const PackedPage& page : pages) {
    PageDescriptor descriptor;  // empty: the page is lost
    if (page.size > 0) {
      descriptor = {data.v, page.size, page.flags};
      data += page.size;
      ++sum.stored;
    } else if (page.flags == PackedPage::kZero) {
      descriptor = zero_page;
      ++sum.zero;
    } else {
      ++sum.unreadable;
    }
    encode(descriptor, options.byte_order, out);
    out += PageDescriptor::kEncodedSize;
  }
  KDUMP_TRY(sink.write_at(plan.descriptors + rank * PageDescriptor::kEncodedSize,
                          Bytes(descriptors.data(), out)));
  sum.data_bytes += data_bytes;
  sum.written_to = data.v;
  totals = sum;
  end = data;
  rank += pages.size();
  return {};
}

Packer::Packer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Packer::Packer(Packer&&) noexcept = default;
Packer::~Packer() = default;

const PackTotals& Packer::totals() const {
  return state_->totals;
}

unsigned Packer::threads() const {
  return static_cast<unsigned>(state_->workers.size());
}

Result<Packer> Packer::open(const Source& source, const DumpPlan& plan, Sink& sink,
                            const PackOptions& options) {
  const uint64_t page_bytes = plan.page_size.bytes();
  if (page_bytes > kPageBytesMax) {
    return Error(Errc::unsupported, source.name() + ": pages of " + human_bytes(page_bytes) +
                                        " are larger than " + human_bytes(kPageBytesMax));
  }
  auto state = std::make_unique<State>(plan, sink, options);
  state->batch_pages = kBatchBytes / page_bytes;
  state->end = plan.data;
  state->totals.written_to = plan.data.v;
  state->descriptors.resize(state->batch_pages * PageDescriptor::kEncodedSize);

  // The last page of a slot needs the room that its codec may take before it turns out not to
  // shrink; all others end up no larger than a page.
  KDUMP_TRY_ASSIGN(auto compressor, make_compressor(options.codec));
  const uint64_t slot_bytes =
      (state->batch_pages - 1) * page_bytes + std::max(compressor->bound(page_bytes), page_bytes);
  const Sizes sizes = choose_sizes(options.memory, slot_bytes, options.threads);

  for (unsigned i = 0; i < sizes.threads; ++i) {
    KDUMP_TRY_ASSIGN(auto reader, source.make_reader(sizes.window));
    if (!compressor) {
      KDUMP_TRY_ASSIGN(compressor, make_compressor(options.codec));
    }
    state->workers.push_back({std::move(reader), std::move(compressor)});
  }

  std::vector<Batch> slots(sizes.slots);
  for (Batch& slot : slots) {
    slot.frames.reserve(state->batch_pages);
    slot.pages.resize(state->batch_pages);
    slot.data.resize(slot_bytes);
  }
  state->pool = std::make_unique<OrderedPool<Batch>>(std::move(slots), sizes.threads);
  return Packer(std::move(state));
}

Result<void> Packer::pack(const PageSet& window, const std::function<void(uint64_t)>& progress) {
  State& state = *state_;
  state.window = &window;
  state.cursor = window.window().begin;
  state.progress = &progress;
  return state.pool->run({
      .next = [&state](Batch& batch) { return state.next(batch); },
      .work = [&state](Batch& batch,
                       unsigned worker) { return state.work(batch, state.workers[worker]); },
      .take = [&state](Batch& batch) { return state.take(batch); },
  });
}

}  // namespace kdump
