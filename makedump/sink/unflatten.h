// From the flattened form back to a dump that readers can open: makedump -R, and dumps that were
// written to a raw device.
#pragma once

#include <string>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/sink/sink.h"

namespace kdump {

struct Unflattened {
  std::vector<std::byte> start;  // of the dump: up to a page, for whoever wants to know what it is
};

// Reads the stream up to its end mark, whatever follows, and writes the dump into `sink`; commit()
// is the caller's. Every number in the stream is hostile. bad_input, with the offset in the stream,
// when it is no flattened dump, is cut short, or holds something else than a dump; not_found when
// not even its first bytes look like one. The stream is taken to end after `most` bytes.
Result<Unflattened> unflatten(const Fd& stream, const std::string& name, Sink& sink,
                              uint64_t most = ~uint64_t{0});

}  // namespace kdump
