// What the implementations of log.h share; only they include this.
#pragma once

#include <string_view>

#include "makedump/base/log.h"

namespace kdump::log {

// The one thing that each of them does its own way: one line, if `level` is to be seen at all.
void write(Level level, std::string_view message);

// "<3>": as the kernel's log and the journal read it at the beginning of a line.
std::string_view priority(Level level);

// What stands in front of a message. Warnings say that they are: the level must not be lost where
// the stream has no priorities.
std::string_view mark(Level level);

}  // namespace kdump::log
