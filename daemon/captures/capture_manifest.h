// Reading vmcore.json. Whoever can write where dumps go can write one, and parts of it were said by
// a dead kernel: wrong types, sizes and control characters must do no more harm than being ignored.
#pragma once

#include <string>

#include "daemon/captures/captures.h"

namespace kdump {

inline constexpr size_t kLongestManifest = size_t{1} << 20;

// Fills the members of `capture` that come from a manifest. False, and nothing filled, if the text
// is none.
bool read_manifest(const std::string& text, Capture& capture);

// Name of the directory that it was written for; "" if it does not say.
std::string manifest_id(const std::string& text);

// The same manifest for people, line by line ("  label   value"), with all that a Capture has no
// member for.
std::string describe_manifest(const std::string& text);

}  // namespace kdump
