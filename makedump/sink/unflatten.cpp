#include "makedump/sink/unflatten.h"

#include <algorithm>
#include <unistd.h>

#include "makedump/format/flattened.h"

namespace kdump {

namespace {

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kStartKept = 4096;
// Of a dump: more than any machine's memory. Keeps a nonsense offset from making a file that no
// tool can copy.
constexpr uint64_t kLongestDump = uint64_t{1} << 46;

class Stream {
 public:
  Stream(const Fd& fd, const std::string& name, uint64_t most)
      : fd_(fd), name_(name), most_(most) {}

  // Fewer bytes than asked only at the end.
  Result<size_t> read(MutBytes into) {
    size_t done = 0;
    const size_t wanted = std::min<uint64_t>(into.size(), most_ - at_);
    while (done < wanted) {
      const ssize_t n = ::read(fd_.get(), into.data() + done, wanted - done);
      if (n == 0) break;
      if (n < 0) {
        if (errno == EINTR) continue;
        return Error::from_errno(name_ + ": read at " + hex(at_ + done));
      }
      done += static_cast<size_t>(n);
    }
    at_ += done;
    return done;
  }

  Result<void> read_all(MutBytes into) {
    KDUMP_TRY_ASSIGN(const size_t got, read(into));
    if (got == into.size()) return {};
    return cut_short();
  }

  [[nodiscard]] Error cut_short() const { return bad("the flattened dump is cut short"); }

  [[nodiscard]] Error bad(const std::string& what) const {
    return {Errc::bad_input, name_ + ": at " + hex(at_) + ": " + what};
  }

 private:
  const Fd& fd_;
  const std::string& name_;
  uint64_t most_, at_ = 0;
};

bool is_dump(Bytes start) {
  const std::string_view text = as_text(start);
  return text.starts_with("KDUMP   ") || text.starts_with("\177ELF");
}

// Remembers what was written to the first bytes of the dump.
void keep_start(Unflattened& result, uint64_t at, Bytes bytes) {
  if (at >= kStartKept) return;
  const size_t length = std::min<size_t>(bytes.size(), kStartKept - at);
  result.start.resize(std::max<size_t>(result.start.size(), at + length));
  std::copy_n(bytes.begin(), length, result.start.begin() + static_cast<ptrdiff_t>(at));
}

}  // namespace

Result<Unflattened> unflatten(const Fd& fd, const std::string& name, Sink& sink, uint64_t most) {
  Stream stream(fd, name, most);
  std::vector<std::byte> block(kBlock);

  const MutBytes header = MutBytes(block).first(FlattenedHeader::kEncodedSize);
  KDUMP_TRY_ASSIGN(const size_t length, stream.read(header));
  if (!is_flattened_header(header.first(length)))
    return Error(Errc::not_found, name + ": holds no flattened dump");

  Unflattened result;
  for (;;) {
    const MutBytes piece_bytes = MutBytes(block).first(FlattenedPiece::kEncodedSize);
    KDUMP_TRY(stream.read_all(piece_bytes));
    const FlattenedPiece piece = *decode_flattened_piece(piece_bytes);
    if (piece.is_end()) break;
    const auto end = checked_add(piece.offset, piece.size);
    if (piece.size == 0 || !end || *end > kLongestDump)
      return stream.bad("a piece of " + std::to_string(piece.size) + " bytes for offset " +
                        hex(piece.offset) + " is no part of a dump");
    for (uint64_t done = 0; done < piece.size;) {
      const MutBytes part =
          MutBytes(block).first(std::min<uint64_t>(block.size(), piece.size - done));
      KDUMP_TRY_ASSIGN(const size_t got, stream.read(part));
      if (got > 0) KDUMP_TRY(sink.write_at(FileOffset(piece.offset + done), part.first(got)));
      keep_start(result, piece.offset + done, part.first(got));
      // What there is of it was worth saving.
      if (got < part.size()) return stream.cut_short();
      done += part.size();
    }
  }
  if (!is_dump(result.start)) return stream.bad("what was flattened is no dump");
  return result;
}

}  // namespace kdump
