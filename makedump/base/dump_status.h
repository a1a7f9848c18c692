// The exit statuses of makedump, by what whoever ran it can do next. kdump-capture acts upon them.
#pragma once

namespace kdump {

enum class DumpStatus : int {
  complete = 0,
  failed = 1,     // as makedumpfile: usage, and whatever the others are not
  damaged = 3,    // the vmcore is not what it has to be for this: less analysis may still do
  target = 4,     // writing failed: no space, a dead disk, a closed pipe; another target may do
  too_big = 5,    // --room: it will not fit; nothing was written
  no_memory = 6,  // not even with the smallest windows and one thread
};

}  // namespace kdump
