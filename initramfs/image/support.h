// What the capture image of this version cannot do yet, of all that the configuration may ask for.
//
// A setting that would silently have no effect in the capture kernel is found out on the day of
// the crash, so arming is refused, with where it was set and a way out. What becomes possible
// loses its entry in support.cpp.
#pragma once

#include <vector>

#include "config/settings.h"
#include "makedump/base/result.h"

namespace kdump {

// Every setting that is refused; Errc::unsupported.
std::vector<Error> unsupported_settings(const LoadedSettings& loaded);

// The first of them.
Result<void> check_capture_support(const LoadedSettings& loaded);

}  // namespace kdump
