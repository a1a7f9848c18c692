#include "makedump/sink/flattened_decoder.h"

#include <algorithm>

#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr size_t kStartKept = 4096;
// Of a dump: more than any machine's memory. Keeps a nonsense offset from making a file that no
// tool can copy.
constexpr uint64_t kLongestDump = uint64_t{1} << 46;

bool is_dump(Bytes start) {
  const std::string_view text = as_text(start);
  return text.starts_with("KDUMP   ") || text.starts_with("\177ELF");
}

}  // namespace

Error FlattenedDecoder::bad(const std::string& what) const {
  return {Errc::bad_input, name_ + ": at " + hex(at_) + ": " + what};
}

// Remembers what was written to the first bytes of the dump.
void FlattenedDecoder::keep_start(uint64_t at, Bytes bytes) {
  if (at >= kStartKept) return;
  const size_t length = std::min<size_t>(bytes.size(), kStartKept - at);
  start_.resize(std::max<size_t>(start_.size(), at + length));
  std::copy_n(bytes.begin(), length, start_.begin() + static_cast<ptrdiff_t>(at));
}

Result<void> FlattenedDecoder::begin_piece() {
  piece_ = *decode_flattened_piece(head_);
  if (piece_.is_end()) {
    part_ = Part::end;
    return {};
  }
  const auto end = checked_add(piece_.offset, piece_.size);
  if (piece_.size == 0 || !end || *end > kLongestDump)
    return bad("a piece of " + std::to_string(piece_.size) + " bytes for offset " +
               hex(piece_.offset) + " is no part of a dump");
  part_ = Part::piece;
  return {};
}

Result<void> FlattenedDecoder::take_of_piece(Bytes bytes) {
  KDUMP_TRY(write_(piece_.offset, bytes));
  keep_start(piece_.offset, bytes);
  piece_.offset += bytes.size();
  piece_.size -= bytes.size();
  if (piece_.size == 0) part_ = Part::piece_header;
  return {};
}

Result<void> FlattenedDecoder::feed(Bytes bytes) {
  while (!bytes.empty() && part_ != Part::end) {
    if (part_ == Part::piece) {
      const Bytes part = bytes.first(std::min<uint64_t>(bytes.size(), piece_.size));
      at_ += part.size();
      KDUMP_TRY(take_of_piece(part));
      bytes = bytes.subspan(part.size());
      continue;
    }
    const size_t whole =
        part_ == Part::header ? FlattenedHeader::kEncodedSize : FlattenedPiece::kEncodedSize;
    const Bytes part = bytes.first(std::min(bytes.size(), whole - head_.size()));
    head_.insert(head_.end(), part.begin(), part.end());
    at_ += part.size();
    bytes = bytes.subspan(part.size());
    if (head_.size() < whole) return {};
    if (part_ == Part::piece_header) {
      KDUMP_TRY(begin_piece());
    } else if (!is_flattened_header(head_)) {
      return Error(Errc::not_found, name_ + ": holds no flattened dump");
    } else {
      part_ = Part::piece_header;
    }
    head_.clear();
  }
  return {};
}

Result<void> FlattenedDecoder::finish() const {
  if (part_ == Part::header) return Error(Errc::not_found, name_ + ": holds no flattened dump");
  if (part_ != Part::end) return bad("the flattened dump is cut short");
  if (!is_dump(start_)) return bad("what was flattened is no dump");
  return {};
}

}  // namespace kdump
