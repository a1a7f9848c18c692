#include "makedump/dump.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <unistd.h>

#include "makedump/arch/arch.h"
#include "makedump/base/budget.h"
#include "makedump/base/fd.h"
#include "makedump/dmesg.h"
#include "makedump/filter/classify.h"
#include "makedump/kernel/notes.h"
#include "makedump/memory/address_space.h"
#include "makedump/memory/frames.h"
#include "makedump/memory/page_array.h"
#include "makedump/memory/utsname.h"
#include "makedump/output.h"
#include "makedump/pack/packer.h"
#include "makedump/panic_line.h"
#include "makedump/plan/dump_plan.h"
#include "makedump/progress.h"
#include "makedump/sink/checksum_sink.h"
#include "makedump/sink/sink.h"
#include "makedump/sink/unflatten.h"
#include "makedump/source/source.h"

namespace kdump {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Enough for page tables and the page array, which are read front to back.
constexpr size_t kAnalysisWindow = size_t{4} << 20;

// The memory in windows whose bitmap fits the budget: one on all but the largest machines. Windows
// that no memory is in are left out; their part of the file's bitmaps stays a hole.
std::vector<PfnRange> windows_of(const Frames& frames, const Budget& budget) {
  const uint64_t bitmap_bytes = budget.bytes / 8;
  const uint64_t length = std::max(align_down(bitmap_bytes * 8, kWindowAlign), kWindowAlign);
  std::vector<PfnRange> windows;
  for (const PfnRange& range : frames.ranges()) {
    Pfn begin(range.begin.v / length * length);
    if (!windows.empty()) begin = std::max(begin, windows.back().end);
    for (; begin < range.end; begin += length)
      windows.push_back({begin, Pfn(begin.v + std::min(length, frames.end() - begin))});
  }
  return windows;
}

PageSet existing_frames(const Frames& frames, PfnRange window) {
  PageSet set(window);
  frames.for_each_in(window, [&](PfnRange range) { set.insert(range); });
  return set;
}

// What the classification needs, opened once; without it every frame that exists is kept.
struct Filter {
  const Frames* frames = nullptr;
  DumpLevel level;
  std::optional<PageLayout> layout;
  std::optional<PageArray> pages;
  std::optional<Error> damage;  // why layout and pages are not there

  // At levels 0 and 1 the struct pages only tell what must never be read (poisoned, offline), and
  // these levels are for memory that is too damaged for the others: they go on without.
  static Result<Filter> open(AddressSpace& memory, const VmcoreInfo& info, const Arch& arch,
                             const Frames& frames, DumpLevel level) {
    Filter filter{.frames = &frames, .level = level, .layout = {}, .pages = {}, .damage = {}};
    auto opened = filter.open_page_array(memory, info, arch);
    if (!opened) {
      if (level.needs_page_structs()) return std::move(opened).error();
      filter.pages.reset();
      filter.damage = std::move(opened).error();
    }
    return filter;
  }

  Result<void> open_page_array(AddressSpace& memory, const VmcoreInfo& info, const Arch& arch) {
    KDUMP_TRY_ASSIGN(layout, PageLayout::from(info));
    KDUMP_TRY_ASSIGN(pages, PageArray::open(memory, info, arch, *frames));
    return {};
  }

  PageSet kept_in(AddressSpace& memory, PfnRange window, PageCounts& counts) const {
    if (!pages) return existing_frames(*frames, window);
    return Classifier(*pages, *layout, *frames, level).classify(memory, window, counts);
  }
};

// A filter that finds nothing of what every kernel has has misread it: the admin must hear of it,
// not only find a huge file.
std::vector<std::string> plausibility_warnings(const PageCounts& counts, const Filter& filter) {
  std::vector<std::string> warnings;
  if (filter.damage)
    warnings.push_back("poisoned and offline pages, if there are any, were not left out: " +
                       filter.damage->message());
  if (counts[PageClass::unreadable] != 0)
    warnings.push_back(std::to_string(counts[PageClass::unreadable]) +
                       " pages could not be read and are missing from the dump");
  if (filter.level.has(DumpLevel::kFree) && counts[PageClass::free] == 0)
    warnings.push_back(
        "no free pages were found: the dump is complete, but larger than it should be; this kernel "
        "may be newer than this makedump");
  if (filter.level.has(DumpLevel::kUser) && filter.layout &&
      filter.layout->hugetlb_by == PageLayout::HugetlbBy::unknown)
    warnings.push_back("this kernel does not tell hugetlb pages apart: they are in the dump");
  return warnings;
}

// The blocks in front of the bitmaps: main header, sub-header, notes.
class Preamble {
 public:
  Preamble(const DumpPlan& plan, ByteOrder order) : plan_(plan), order_(order) {}

  KdumpHeader header;
  KdumpSubHeader sub_header;

  Result<void> write(Sink& sink, Bytes notes) const {
    std::vector<std::byte> block(plan_.page_size.bytes());
    encode(sub_header, order_, block);
    KDUMP_TRY(sink.write_at(plan_.sub_header, Bytes(block).first(KdumpSubHeader::kEncodedSize)));
    KDUMP_TRY(sink.write_at(plan_.notes, notes));
    // Until the last page is in its place, the file says of itself that it is cut short.
    return write_header(sink, KdumpHeader::kStatusIncomplete);
  }

  Result<void> write_complete(Sink& sink) const { return write_header(sink, 0); }

 private:
  Result<void> write_header(Sink& sink, uint32_t more_status) const {
    std::vector<std::byte> block(plan_.page_size.bytes());
    KdumpHeader with_status = header;
    with_status.status |= more_status;
    encode(with_status, order_, block);
    return sink.write_at(FileOffset(0), block);
  }

  const DumpPlan& plan_;
  const ByteOrder order_;
};

uint64_t crash_time(const VmcoreInfo& info) {
  const auto text = info.value("CRASHTIME").value_or("");
  uint64_t seconds = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

CrashFacts crash_facts(const VmcoreInfo& info, const PanicLine& panic) {
  return {.osrelease = std::string(info.osrelease()),
          .build_id = std::string(info.value("BUILD-ID").value_or("")),
          .crash_time = crash_time(info),
          .panic = panic.text()};
}

// A log that is damaged, or not there, tells what it can: the dump does not depend on it.
PanicLine find_panic(AddressSpace& memory, const VmcoreInfo& info) {
  PanicLine panic;
  (void)extract_dmesg(memory, info, [&panic](std::string_view line) -> Result<void> {
    panic.see(line);
    return {};
  });
  return panic;
}

Preamble make_preamble(const DumpPlan& plan, const Job& job, const Source& source,
                       const VmcoreInfo& info, const Arch& arch, Utsname utsname) {
  const auto notes = read_notes(source.notes(), source.byte_order());
  Preamble preamble(plan, source.byte_order());
  preamble.header = {
      .utsname = std::move(utsname),
      .time_sec = crash_time(info),
      .status = static_cast<uint32_t>(job.codec),
      .block_size = static_cast<uint32_t>(plan.page_size.bytes()),
      .sub_hdr_size = plan.sub_hdr_blocks,
      .bitmap_blocks = plan.bitmap_blocks,
      .max_mapnr = plan.max_mapnr.v,
      .nr_cpus = count_cpus(notes),
  };
  preamble.sub_header = {
      .phys_base = arch.phys_base(),
      .dump_level = job.dump_level.bits,
      .offset_note = plan.notes.v,
      .size_note = source.notes().size(),
      .max_mapnr = plan.max_mapnr.v,
  };
  for (const Note& note : notes) {
    if (note.name != "VMCOREINFO") continue;
    preamble.sub_header.offset_vmcoreinfo = plan.notes.v + note.desc_offset;
    preamble.sub_header.size_vmcoreinfo = note.desc.size();
  }
  return preamble;
}

// Both bitmaps of one window.
Result<void> write_bitmaps(Sink& sink, const DumpPlan& plan, const Frames& frames,
                           const PageSet& kept) {
  const uint64_t at = kept.window().begin.v / 8;
  const PageSet exist = existing_frames(frames, kept.window());
  KDUMP_TRY(sink.write_at(plan.bitmap1 + at, exist.bytes()));
  return sink.write_at(plan.bitmap2 + at, kept.bytes());
}

}  // namespace

Result<Summary> run_dump(const Job& job) {
  const auto begin = Clock::now();
  const Budget budget = Budget::from_system();
  KDUMP_TRY(refuse_same_file(job));

  // 1. Source: bytes by physical address.
  KDUMP_TRY_ASSIGN(const auto source, open_source(job.vmcore));
  KDUMP_TRY_ASSIGN(const auto reader, source->make_reader(kAnalysisWindow));

  // 2. Kernel: what it said about itself; and the machine it ran on.
  KDUMP_TRY_ASSIGN(const VmcoreInfo info, find_vmcoreinfo(*source));
  KDUMP_TRY_ASSIGN(const auto arch, make_arch(*source, info));

  // 3. Memory: which frames exist, how to read virtual addresses, where the struct pages are.
  const Frames frames = Frames::of(source->ram(), info.page_size());
  AddressSpace memory(*arch, *reader, source->byte_order());

  // 4. Filter: every frame gets its class. Where the bitmap does not fit the budget as a whole,
  // windows are classified once
  //    to count and again to pack; a dead kernel does not change in between.
  KDUMP_TRY_ASSIGN(const Filter filter, Filter::open(memory, info, *arch, frames, job.dump_level));
  const std::vector<PfnRange> windows = windows_of(frames, budget);
  PageCounts counts;
  std::optional<PageSet> only_window;
  uint64_t pages_to_store = 0;
  for (const PfnRange& window : windows) {
    PageSet kept = filter.kept_in(memory, window, counts);
    pages_to_store += kept.count();
    if (windows.size() == 1) only_window = std::move(kept);
  }
  const double filter_seconds = seconds_since(begin);

  const PanicLine panic = job.manifest.empty() ? PanicLine() : find_panic(memory, info);

  // 5. Plan: where everything goes. From here on nothing about the output changes but compressed
  // sizes.
  KDUMP_TRY_ASSIGN(const DumpPlan plan, make_plan({.page_size = info.page_size(),
                                                   .max_mapnr = frames.end(),
                                                   .pages_to_store = pages_to_store,
                                                   .notes_size = source->notes().size()}));
  if (job.room && plan.size_bound > *job.room) return too_big(job, plan.size_bound);
  const Preamble preamble =
      make_preamble(plan, job, *source, info, *arch, read_utsname(memory, info));

  // 6. and 7. Pack the pages into the sink. The file's name is the incomplete one until commit().
  KDUMP_TRY_ASSIGN(const auto file, open_output(job));
  ChecksumSink sink(*file);
  KDUMP_TRY(preamble.write(sink, source->notes()));
  KDUMP_TRY(sink.extend_to(plan.data.v));  // readers map the tables: they must be inside the file
  KDUMP_TRY_ASSIGN(Packer packer,
                   Packer::open(*source, plan, sink,
                                {.codec = job.codec,
                                 .share_zero_pages = job.dump_level.has(DumpLevel::kZero),
                                 .threads = job.threads != 0 ? job.threads : budget.cpus,
                                 .byte_order = source->byte_order(),
                                 .memory = budget.bytes / 2}));
  Progress progress(pages_to_store, job.says(Job::kProgress));
  for (const PfnRange& window : windows) {
    PageCounts counted_before;
    const PageSet kept =
        only_window ? std::move(*only_window) : filter.kept_in(memory, window, counted_before);
    KDUMP_TRY(write_bitmaps(sink, plan, frames, kept));
    KDUMP_TRY(sink.secure());
    KDUMP_TRY(packer.pack(
        kept, [&](uint64_t done) { progress.update(done, packer.totals().written_to); }));
  }
  const PackTotals& totals = packer.totals();
  KDUMP_TRY(sink.extend_to(totals.written_to));

  // Every page is in its place, on the disk as well, which writes in any order: the header may say
  // so, and the file may have its name.
  KDUMP_TRY(sink.secure());
  KDUMP_TRY(preamble.write_complete(sink));
  KDUMP_TRY(sink.commit());

  counts[PageClass::kept] = totals.stored;
  counts[PageClass::zero] = totals.zero;
  counts[PageClass::unreadable] = totals.unreadable;
  Summary summary = {
      .output = job.output,
      .crash = crash_facts(info, panic),
      .page_size = plan.page_size,
      .pages = counts,
      .codec = job.codec,
      .dump_level = job.dump_level,
      .threads = packer.threads(),
      .bytes_written = totals.written_to,
      .crc32 = sink.crc32(),
      .filter_seconds = filter_seconds,
      .pack_seconds = seconds_since(begin) - filter_seconds,
      .seconds = seconds_since(begin),
      .peak_memory_kib = peak_memory_kib(),
      .warnings = plausibility_warnings(counts, filter),
  };
  if (counts.total() != frames.count())
    return Error(Errc::internal, job.output + ": the page classes add up to " +
                                     std::to_string(counts.total()) + " of " +
                                     std::to_string(frames.count()) +
                                     " frames; the dump is complete, please report this");
  if (!job.manifest.empty()) {
    if (auto published = publish_file(job.manifest, as_bytes(summary_json(summary)), 0600);
        !published)
      summary.warnings.push_back(std::move(published)
                                     .error()
                                     .context("the dump is complete, its manifest is not")
                                     .message());
  }
  return summary;
}

Result<void> run_dmesg(const Job& job) {
  KDUMP_TRY(refuse_same_file(job));
  KDUMP_TRY_ASSIGN(const auto source, open_source(job.vmcore));
  KDUMP_TRY_ASSIGN(const auto reader, source->make_reader(kAnalysisWindow));
  KDUMP_TRY_ASSIGN(const VmcoreInfo info, find_vmcoreinfo(*source));
  KDUMP_TRY_ASSIGN(const auto arch, make_arch(*source, info));
  AddressSpace memory(*arch, *reader, source->byte_order());

  KDUMP_TRY_ASSIGN(const auto sink, open_file_sink(job.output, {.overwrite = job.overwrite}));
  constexpr size_t kBlock = size_t{64} << 10;
  std::string pending;
  PanicLine panic;
  FileOffset at(0);
  const auto flush = [&]() -> Result<void> {
    KDUMP_TRY(sink->write_at(at, as_bytes(pending)));
    at += pending.size();
    pending.clear();
    return {};
  };
  auto extracted = extract_dmesg(memory, info, [&](std::string_view line) -> Result<void> {
    pending += line;
    panic.see(line);
    return pending.size() < kBlock ? Result<void>() : flush();
  });
  if (!extracted && at.v + pending.size() == 0) {
    sink->discard();
    return extracted;
  }
  KDUMP_TRY(flush());
  Result<void> done =
      extracted ? sink->commit()
                : std::move(extracted).error().context(incomplete_name(job.output) +
                                                       " holds the log up to where it is damaged");
  if (!job.manifest.empty()) {
    const std::string manifest = crash_facts_json(crash_facts(info, panic));
    if (auto published = publish_file(job.manifest, as_bytes(manifest), 0600); !published && done)
      return std::move(published).error().context("the log is complete, its manifest is not");
  }
  return done;
}

Result<void> run_rearrange(const Job& job) {
  KDUMP_TRY_ASSIGN(const auto sink, open_file_sink(job.output, {.overwrite = job.overwrite}));
  const Fd stream(::dup(STDIN_FILENO));
  if (const auto dump = unflatten(stream, "stdin", *sink); !dump) {
    if (dump.error().code() == Errc::not_found) sink->discard();
    return dump.error();
  }
  return sink->commit();
}

}  // namespace kdump
