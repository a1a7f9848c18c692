// A dump in its flattened form, to something that only takes a stream: a pipe, a socket.
#pragma once

#include <memory>
#include <string>

#include "makedump/base/fd.h"
#include "makedump/sink/sink.h"

namespace kdump {

// Writes to `fd` from its first call on. commit() writes the end mark, without which the stream is
// cut short; whether what came out at the other end is safe there, only that end knows.
std::unique_ptr<Sink> make_stream_sink(Fd fd, std::string name);

}  // namespace kdump
