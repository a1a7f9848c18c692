// The flattened form of a dump back into writes at offsets, fed in whatever portions it comes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/result.h"
#include "makedump/format/flattened.h"

namespace kdump {

// Every number in the stream is hostile. Errors: bad_input, with the offset in the stream;
// not_found when not even its first bytes look like a flattened dump.
class FlattenedDecoder {
 public:
  using Write = std::function<Result<void>(uint64_t at, Bytes bytes)>;

  // `name` is what errors call the stream.
  FlattenedDecoder(std::string name, Write write)
      : name_(std::move(name)), write_(std::move(write)) {}

  // What follows the end mark is passed over.
  Result<void> feed(Bytes bytes);
  [[nodiscard]] bool ended() const { return part_ == Part::end; }
  // After the last byte: all of it came, and what came is a dump.
  [[nodiscard]] Result<void> finish() const;

  // Of the dump: up to a page, for whoever wants to know what it is.
  [[nodiscard]] const std::vector<std::byte>& start() const { return start_; }

 private:
  enum class Part { header, piece_header, piece, end };

  Result<void> begin_piece();
  Result<void> take_of_piece(Bytes bytes);
  void keep_start(uint64_t at, Bytes bytes);
  [[nodiscard]] Error bad(const std::string& what) const;

  std::string name_;
  Write write_;
  Part part_ = Part::header;
  std::vector<std::byte> head_;  // what came so far of a header
  FlattenedPiece piece_;         // what is left of it
  std::vector<std::byte> start_;
  uint64_t at_ = 0;
};

}  // namespace kdump
