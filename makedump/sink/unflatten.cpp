#include "makedump/sink/unflatten.h"

#include <algorithm>
#include <unistd.h>

#include "makedump/sink/flattened_decoder.h"

namespace kdump {

Result<Unflattened> unflatten(const Fd& fd, const std::string& name, Sink& sink, uint64_t most) {
  constexpr size_t kBlock = size_t{1} << 20;
  // What there is of a piece that is cut short was worth saving, and is written.
  FlattenedDecoder decoder(
      name, [&sink](uint64_t at, Bytes bytes) { return sink.write_at(FileOffset(at), bytes); });
  std::vector<std::byte> block(kBlock);
  uint64_t at = 0;
  while (!decoder.ended()) {
    const ssize_t n = ::read(fd.get(), block.data(), std::min<uint64_t>(block.size(), most - at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(name + ": read at " + hex(at));
    if (n == 0) break;
    at += static_cast<uint64_t>(n);
    KDUMP_TRY(decoder.feed(Bytes(block).first(static_cast<size_t>(n))));
  }
  KDUMP_TRY(decoder.finish());
  return Unflattened{decoder.start()};
}

}  // namespace kdump
