#include "makedump/sink/checksum_sink.h"

#include <algorithm>

#include "makedump/compress/crc32.h"

namespace kdump {

Result<void> ChecksumSink::write_at(FileOffset at, Bytes bytes) {
  KDUMP_TRY(sink_.write_at(at, bytes));
  if (bytes.empty()) return {};
  size_ = std::max(size_, at.v + bytes.size());
  if (known_) known_ = add(at.v, bytes);
  return {};
}

Result<void> ChecksumSink::extend_to(uint64_t bytes) {
  KDUMP_TRY(sink_.extend_to(bytes));
  size_ = std::max(size_, bytes);
  return {};
}

// False if it lies over what was written before.
bool ChecksumSink::add(uint64_t at, Bytes bytes) {
  const auto next = stretches_.lower_bound(at);
  if (next != stretches_.end() && next->first == at) {
    if (next->second.length != bytes.size()) return false;
    next->second.crc = kdump::crc32(0, bytes);
    return true;
  }
  if (next != stretches_.end() && next->first < at + bytes.size()) return false;
  if (next != stretches_.begin()) {
    auto& [begin, stretch] = *std::prev(next);
    if (begin + stretch.length > at) return false;
    if (begin + stretch.length == at) {
      stretch = {stretch.length + bytes.size(), kdump::crc32(stretch.crc, bytes)};
      return true;
    }
  }
  stretches_.emplace_hint(next, at, Stretch{bytes.size(), kdump::crc32(0, bytes)});
  return true;
}

std::optional<uint32_t> ChecksumSink::crc32() const {
  if (!known_) return std::nullopt;
  uint32_t crc = 0;
  uint64_t end = 0;
  const auto add_hole = [&](uint64_t to) {
    crc = crc32_combine(crc, crc32_of_zeros(to - end), to - end);
    end = to;
  };
  for (const auto& [begin, stretch] : stretches_) {
    add_hole(begin);
    crc = crc32_combine(crc, stretch.crc, stretch.length);
    end = begin + stretch.length;
  }
  add_hole(std::max(size_, end));
  return crc;
}

}  // namespace kdump
