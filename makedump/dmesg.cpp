#include "makedump/dmesg.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace kdump {

namespace {

using Emit = std::function<Result<void>(std::string_view line)>;

// LOG_BUF_LEN_MAX in the kernel; whatever claims to be larger is not a log.
constexpr unsigned kMaxTextBits = 31;
// A descriptor for every 32 bytes of text (PRB_AVGBITS 5): the kernel makes no ring with more.
constexpr unsigned kMaxDescBits = kMaxTextBits - 5;

std::string time_stamp(uint64_t nsec) {
  constexpr uint64_t kNsecPerSec = 1'000'000'000;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "[%5llu.%06llu]",
                static_cast<unsigned long long>(nsec / kNsecPerSec),
                static_cast<unsigned long long>(nsec % kNsecPerSec / 1000));
  return text.data();
}

// As the kernel prints it under CONFIG_PRINTK_CALLER.
std::string caller_stamp(uint32_t caller_id) {
  constexpr uint32_t kIsCpu = uint32_t{1} << 31;
  const std::string who =
      ((caller_id & kIsCpu) != 0 ? "C" : "T") + std::to_string(caller_id & ~kIsCpu);
  const size_t width = 6;
  return "[" + std::string(who.size() < width ? width - who.size() : 0, ' ') + who + "]";
}

// The text goes to a person's terminal, and anything may have been printed to the log: only what
// cannot steer a terminal stays as it is.
void append_escaped(std::string& line, std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte < 0x7f) || (byte >= '\t' && byte <= '\r')) {
      line += c;
    } else {
      line += "\\x";
      line += kDigits[byte >> 4];
      line += kDigits[byte & 15];
    }
  }
}

// One record; each line of its text gets the prefix, as the kernel's syslog(2) does it. A record
// without text is an empty line.
Result<void> emit_record(const std::string& prefix, std::string_view text, const Emit& emit) {
  std::string line;
  while (true) {
    const size_t end = text.find('\n');
    line = prefix;
    line += ' ';
    append_escaped(line, text.substr(0, end));
    line += '\n';
    KDUMP_TRY(emit(line));
    // A newline at the very end closes the last line; it does not open another one.
    if (end == std::string_view::npos || end + 1 == text.size()) return {};
    text.remove_prefix(end + 1);
  }
}

Error log_error(const VmcoreInfo& info, const std::string& what) {
  return {Errc::bad_input, info.where() + ": kernel log: " + what};
}

// Memory, whose errors say that it was the log which could not be read.
class LogMemory {
 public:
  LogMemory(AddressSpace& memory, const VmcoreInfo& info) : memory_(&memory), info_(&info) {}

  [[nodiscard]] ByteOrder byte_order() const { return memory_->byte_order(); }

  Result<void> read(VirtAddr addr, MutBytes into) {
    auto done = memory_->read(addr, into);
    if (!done) return std::move(done).error().context(info_->where() + ": kernel log");
    return {};
  }
  template <class T>
  Result<T> value(VirtAddr addr) {
    std::array<std::byte, sizeof(T)> raw{};
    KDUMP_TRY(read(addr, raw));
    return load<T>(raw.data(), byte_order());
  }

 private:
  AddressSpace* memory_;
  const VmcoreInfo* info_;
};

// What could not be told is said in the log itself, where its reader looks.
Result<void> emit_damage(uint64_t damaged, const Emit& emit) {
  if (damaged == 0) return {};
  return emit("[makedump: " + std::to_string(damaged) +
              (damaged == 1 ? " record is" : " records are") + " damaged and left out]\n");
}

// ---- printk_log records in a byte ring: 3.5 to 5.9 ----

struct RecordLog {
  VirtAddr buffer;
  uint32_t buffer_size = 0;
  uint32_t first = 0, next = 0;  // byte offsets into the buffer
  uint64_t header_size = 0;
  uint64_t ts_nsec = 0, len = 0, text_len = 0;  // offsets in the header
  std::optional<uint64_t> caller_id;            // CONFIG_PRINTK_CALLER (5.1)
};

Result<RecordLog> find_record_log(LogMemory memory, const VmcoreInfo& info) {
  RecordLog log;
  KDUMP_TRY_ASSIGN(const VirtAddr pointer_at, info.require_symbol("log_buf"));
  KDUMP_TRY_ASSIGN(const VirtAddr size_at, info.require_symbol("log_buf_len"));
  KDUMP_TRY_ASSIGN(const VirtAddr first_at, info.require_symbol("log_first_idx"));
  KDUMP_TRY_ASSIGN(const VirtAddr next_at, info.require_symbol("log_next_idx"));
  KDUMP_TRY_ASSIGN(log.header_size, info.require_size("printk_log"));
  KDUMP_TRY_ASSIGN(log.ts_nsec, info.require_offset("printk_log.ts_nsec"));
  KDUMP_TRY_ASSIGN(log.len, info.require_offset("printk_log.len"));
  KDUMP_TRY_ASSIGN(log.text_len, info.require_offset("printk_log.text_len"));
  log.caller_id = info.offset("printk_log.caller_id");

  KDUMP_TRY_ASSIGN(const uint64_t buffer, memory.value<uint64_t>(pointer_at));
  log.buffer = VirtAddr(buffer);
  KDUMP_TRY_ASSIGN(log.buffer_size, memory.value<uint32_t>(size_at));
  KDUMP_TRY_ASSIGN(log.first, memory.value<uint32_t>(first_at));
  KDUMP_TRY_ASSIGN(log.next, memory.value<uint32_t>(next_at));

  constexpr uint64_t kMaxHeader = 256;
  if (log.header_size == 0 || log.header_size > kMaxHeader)
    return log_error(info, "SIZE(printk_log) is " + std::to_string(log.header_size));
  if (log.buffer_size > (uint32_t{1} << kMaxTextBits) || log.header_size > log.buffer_size ||
      log.first >= log.buffer_size || log.next >= log.buffer_size ||
      !checked_add(log.buffer.v, log.buffer_size))
    return log_error(info, "records " + hex(log.first) + " to " + hex(log.next) +
                               " do not lie in a buffer of " + hex(log.buffer_size) + " bytes at " +
                               hex(log.buffer));
  return log;
}

Result<void> extract_records(LogMemory memory, const VmcoreInfo& info, const Emit& emit) {
  KDUMP_TRY_ASSIGN(const RecordLog log, find_record_log(memory, info));
  const ByteOrder order = memory.byte_order();
  std::vector<std::byte> header(log.header_size);
  std::vector<std::byte> text;
  // Each step goes forward by at least a header, and there is one wrap at most: that bounds the
  // loop.
  bool may_wrap = log.next < log.first;
  uint64_t at = log.first;
  while (at != log.next) {
    const uint64_t limit = may_wrap ? log.buffer_size : log.next;
    const auto bad_record = [&](const std::string& why) {
      return log_error(info, "the record at " + hex(log.buffer + at) + " " + why);
    };
    // A full header need not fit before the buffer's end; the kernel then leaves a zero length
    // there, or nothing when the last record ends exactly at the end.
    uint64_t len = 0;
    if (limit - at >= log.header_size) {
      KDUMP_TRY(memory.read(log.buffer + at, header));
      const auto len_field = load_at<uint16_t>(header, log.len, order);
      if (!len_field) return bad_record("lies outside of SIZE(printk_log)");
      len = *len_field;
    } else if (!may_wrap) {
      return bad_record("overlaps the log's end");
    }
    if (len == 0) {
      if (!may_wrap) return bad_record("has no length");
      may_wrap = false;
      at = 0;
      continue;
    }
    const auto text_len = load_at<uint16_t>(header, log.text_len, order);
    const auto nsec = load_at<uint64_t>(header, log.ts_nsec, order);
    if (!text_len || !nsec) return bad_record("has fields outside of SIZE(printk_log)");
    if (len > limit - at || log.header_size + *text_len > len)
      return bad_record("claims " + std::to_string(len) + " bytes with " +
                        std::to_string(*text_len) + " of text");
    text.resize(*text_len);
    KDUMP_TRY(memory.read(log.buffer + (at + log.header_size), text));
    std::string prefix = time_stamp(*nsec);
    if (log.caller_id) {
      if (const auto caller = load_at<uint32_t>(header, *log.caller_id, order))
        prefix += caller_stamp(*caller);
    }
    KDUMP_TRY(emit_record(prefix, as_text(text), emit));
    at += len;
    if (may_wrap && at == log.buffer_size) {
      may_wrap = false;
      at = 0;
    }
  }
  return {};
}

// ---- The lockless ring buffer: since 5.10 (b6cf8b3f3312) ----
// Descriptors and infos are two arrays of 2^count_bits; text lies in a ring of 2^size_bits bytes.
// Positions in the text ring ("lpos") only ever grow: modulo the size they are offsets, and what is
// above that says how often the ring was filled.

struct RingLayout {
  uint64_t state_var = 0, begin = 0, next = 0;         // in a prb_desc
  uint64_t ts_nsec = 0, text_len = 0;                  // in a printk_info
  uint64_t desc_size = 0, info_size = 0, counter = 0;  // bytes; counter: in atomic_long_t
  uint64_t count_bits = 0, descs = 0, infos = 0, head = 0, tail = 0;  // in a printk_ringbuffer
  uint64_t size_bits = 0, data = 0;                                   // in a printk_ringbuffer
};

Result<RingLayout> ring_layout(const VmcoreInfo& info) {
  RingLayout at;
  KDUMP_TRY_ASSIGN(at.desc_size, info.require_size("prb_desc"));
  KDUMP_TRY_ASSIGN(at.info_size, info.require_size("printk_info"));
  KDUMP_TRY_ASSIGN(at.counter, info.require_offset("atomic_long_t.counter"));
  KDUMP_TRY_ASSIGN(at.state_var, info.require_offset("prb_desc.state_var"));
  KDUMP_TRY_ASSIGN(const uint64_t lpos, info.require_offset("prb_desc.text_blk_lpos"));
  KDUMP_TRY_ASSIGN(at.begin, info.require_offset("prb_data_blk_lpos.begin"));
  KDUMP_TRY_ASSIGN(at.next, info.require_offset("prb_data_blk_lpos.next"));
  KDUMP_TRY_ASSIGN(at.ts_nsec, info.require_offset("printk_info.ts_nsec"));
  KDUMP_TRY_ASSIGN(at.text_len, info.require_offset("printk_info.text_len"));
  KDUMP_TRY_ASSIGN(const uint64_t descs, info.require_offset("printk_ringbuffer.desc_ring"));
  KDUMP_TRY_ASSIGN(const uint64_t texts, info.require_offset("printk_ringbuffer.text_data_ring"));
  KDUMP_TRY_ASSIGN(at.count_bits, info.require_offset("prb_desc_ring.count_bits"));
  KDUMP_TRY_ASSIGN(at.descs, info.require_offset("prb_desc_ring.descs"));
  KDUMP_TRY_ASSIGN(at.infos, info.require_offset("prb_desc_ring.infos"));
  KDUMP_TRY_ASSIGN(at.head, info.require_offset("prb_desc_ring.head_id"));
  KDUMP_TRY_ASSIGN(at.tail, info.require_offset("prb_desc_ring.tail_id"));
  KDUMP_TRY_ASSIGN(at.size_bits, info.require_offset("prb_data_ring.size_bits"));
  KDUMP_TRY_ASSIGN(at.data, info.require_offset("prb_data_ring.data"));

  // All of them are a few hundred bytes in every kernel: with that, the sums below can't overflow.
  constexpr uint64_t kMaxStruct = 4096;
  for (const uint64_t number :
       {at.desc_size, at.info_size, at.counter, at.state_var, lpos, at.begin, at.next, at.ts_nsec,
        at.text_len, descs, texts, at.count_bits, at.descs, at.infos, at.head, at.tail,
        at.size_bits, at.data}) {
    if (number > kMaxStruct)
      return log_error(info, "an offset or size of its structures is " + std::to_string(number));
  }
  at.state_var += at.counter;
  at.begin += lpos;
  at.next += lpos;
  for (uint64_t* in_desc_ring : {&at.count_bits, &at.descs, &at.infos, &at.head, &at.tail})
    *in_desc_ring += descs;
  at.head += at.counter;
  at.tail += at.counter;
  at.size_bits += texts;
  at.data += texts;
  return at;
}

// Where a record's text is: offset and length in the text ring.
struct TextBlock {
  uint64_t offset = 0, length = 0;
};

// Nothing: these positions describe no block.
std::optional<TextBlock> text_block(uint64_t begin, uint64_t next, unsigned size_bits) {
  constexpr uint64_t kIdSize = 8;  // each block opens with the id of its record
  const uint64_t ring = uint64_t{1} << size_bits;
  if ((begin | next) % kIdSize != 0) return std::nullopt;
  TextBlock block;
  // Compared in full: a block may end exactly at the ring's end (since 6.19, 67e1b0052f6b), where
  // positions reduced to offsets look like a wrap. Positions begin just below zero, so that the
  // first round ends with an overflow: the difference of two rounds is taken modulo their number.
  const uint64_t rounds = ((next - 1) >> size_bits) - (begin >> size_bits);
  if (rounds == 0) {
    block = {begin & (ring - 1), next - begin};
  } else if ((rounds & (~uint64_t{0} >> size_bits)) == 1) {
    // It did not fit before the ring's end, so it lies whole at the beginning.
    block = {0, ((next - 1) & (ring - 1)) + 1};
  } else {
    return std::nullopt;
  }
  if (block.length > ring) return std::nullopt;
  if (block.length <= kIdSize) return std::nullopt;
  block.offset += kIdSize;
  block.length -= kIdSize;
  return block;
}

class LocklessLog {
 public:
  static Result<LocklessLog> open(LogMemory memory, const VmcoreInfo& info);
  Result<void> extract(const Emit& emit);

 private:
  enum class Outcome { told, nothing_there, damaged };

  LocklessLog(LogMemory memory, const RingLayout& at) : memory_(memory), at_(at) {}
  Result<Outcome> extract_one(uint64_t id, const Emit& emit);

  static constexpr unsigned kStateShift = 62;
  static constexpr uint64_t kIdMask = (uint64_t{1} << kStateShift) - 1;

  LogMemory memory_;
  RingLayout at_;
  unsigned count_bits_ = 0, size_bits_ = 0;
  VirtAddr descs_, infos_, data_;
  uint64_t head_ = 0, tail_ = 0;
  uint64_t text_left_ = 0;  // bytes; all texts together fit in the ring, or they are nonsense
  std::vector<std::byte> desc_, info_, text_;
};

Result<LocklessLog> LocklessLog::open(LogMemory memory, const VmcoreInfo& info) {
  KDUMP_TRY_ASSIGN(const RingLayout at, ring_layout(info));
  KDUMP_TRY_ASSIGN(const VirtAddr pointer_at, info.require_symbol("prb"));
  KDUMP_TRY_ASSIGN(const uint64_t ring_at, memory.value<uint64_t>(pointer_at));
  const VirtAddr ring(ring_at);

  LocklessLog log(memory, at);
  KDUMP_TRY_ASSIGN(log.count_bits_, memory.value<uint32_t>(ring + at.count_bits));
  KDUMP_TRY_ASSIGN(log.size_bits_, memory.value<uint32_t>(ring + at.size_bits));
  KDUMP_TRY_ASSIGN(const uint64_t descs, memory.value<uint64_t>(ring + at.descs));
  KDUMP_TRY_ASSIGN(const uint64_t infos, memory.value<uint64_t>(ring + at.infos));
  KDUMP_TRY_ASSIGN(const uint64_t data, memory.value<uint64_t>(ring + at.data));
  KDUMP_TRY_ASSIGN(const uint64_t head, memory.value<uint64_t>(ring + at.head));
  KDUMP_TRY_ASSIGN(const uint64_t tail, memory.value<uint64_t>(ring + at.tail));
  log.descs_ = VirtAddr(descs);
  log.infos_ = VirtAddr(infos);
  log.data_ = VirtAddr(data);
  log.head_ = head & kIdMask;
  log.tail_ = tail & kIdMask;

  if (log.count_bits_ > kMaxDescBits || log.size_bits_ > kMaxTextBits)
    return log_error(info, "the ring buffer at " + hex(ring) + " claims 2^" +
                               std::to_string(log.count_bits_) + " records and 2^" +
                               std::to_string(log.size_bits_) + " bytes of text");
  const uint64_t last = (uint64_t{1} << log.count_bits_) - 1;
  if (((log.head_ - log.tail_) & kIdMask) > last)
    return log_error(info, "records " + hex(log.tail_) + " to " + hex(log.head_) +
                               " are more than the ring buffer at " + hex(ring) + " can hold");
  // The arrays are allocated whole, so their ends are there if their middle is. Asking first keeps
  // a nonsense address from being tried 2^26 times.
  for (const auto& [array, bytes] : {std::pair(log.descs_, (last + 1) * at.desc_size),
                                     std::pair(log.infos_, (last + 1) * at.info_size),
                                     std::pair(log.data_, uint64_t{1} << log.size_bits_)}) {
    if (bytes == 0 || !checked_add(array.v, bytes))
      return log_error(info, "the ring buffer's arrays can't lie at " + hex(array));
    KDUMP_TRY(memory.value<uint8_t>(array));
    KDUMP_TRY(memory.value<uint8_t>(array + (bytes - 1)));
  }
  log.text_left_ = uint64_t{1} << log.size_bits_;
  log.desc_.resize(at.desc_size);
  log.info_.resize(at.info_size);
  return log;
}

Result<LocklessLog::Outcome> LocklessLog::extract_one(uint64_t id, const Emit& emit) {
  enum State : uint64_t { kReserved, kCommitted, kFinalized, kReusable };
  constexpr uint64_t kLostText = 1;   // (1, 1): there was no room for the text
  constexpr uint64_t kEmptyLine = 3;  // (3, 3): the text is empty

  const ByteOrder order = memory_.byte_order();
  const uint64_t slot = id & ((uint64_t{1} << count_bits_) - 1);
  if (!memory_.read(descs_ + slot * at_.desc_size, desc_) ||
      !memory_.read(infos_ + slot * at_.info_size, info_))
    return Outcome::damaged;
  const auto state_var = load_at<uint64_t>(desc_, at_.state_var, order);
  const auto begin = load_at<uint64_t>(desc_, at_.begin, order);
  const auto next = load_at<uint64_t>(desc_, at_.next, order);
  const auto nsec = load_at<uint64_t>(info_, at_.ts_nsec, order);
  const auto text_len = load_at<uint16_t>(info_, at_.text_len, order);
  if (!state_var || !begin || !next || !nsec || !text_len) return Outcome::damaged;

  // Another id: the slot waits to be taken again. Reserved: the crash came in the middle of a
  // printk, and the text is not all there.
  const uint64_t state = *state_var >> kStateShift;
  if ((*state_var & kIdMask) != id || (state != kCommitted && state != kFinalized))
    return Outcome::nothing_there;

  TextBlock block;
  if (*begin == kLostText && *next == kLostText) return Outcome::nothing_there;
  if (*begin != kEmptyLine || *next != kEmptyLine) {
    const auto found = text_block(*begin, *next, size_bits_);
    if (!found) return Outcome::damaged;
    block = *found;
  }
  // A message that was cut keeps the length it would have had.
  const uint64_t length = std::min<uint64_t>(*text_len, block.length);
  if (length > text_left_) return Outcome::damaged;
  text_left_ -= length;
  text_.resize(length);
  if (!memory_.read(data_ + block.offset, text_)) return Outcome::damaged;
  KDUMP_TRY(emit_record(time_stamp(*nsec), as_text(text_), emit));
  return Outcome::told;
}

Result<void> LocklessLog::extract(const Emit& emit) {
  // A log of which so much is damaged is none, and trying all of a hostile ring takes minutes.
  constexpr uint64_t kMaxDamaged = uint64_t{1} << 16;
  uint64_t damaged = 0;
  for (uint64_t id = tail_;; id = (id + 1) & kIdMask) {
    KDUMP_TRY_ASSIGN(const Outcome outcome, extract_one(id, emit));
    if (outcome == Outcome::damaged) ++damaged;
    if (id == head_ || damaged == kMaxDamaged) break;
  }
  return emit_damage(damaged, emit);
}

}  // namespace

Result<void> extract_dmesg(AddressSpace& address_space, const VmcoreInfo& info, const Emit& emit) {
  const LogMemory memory(address_space, info);
  if (info.symbol("prb")) {
    KDUMP_TRY_ASSIGN(LocklessLog log, LocklessLog::open(memory, info));
    return log.extract(emit);
  }
  if (info.symbol("log_buf")) return extract_records(memory, info, emit);
  return log_error(info, "neither SYMBOL(prb) nor SYMBOL(log_buf) is there");
}

}  // namespace kdump
