// The crash test: the host is crashed on purpose, and after its next boot kdumpctl looks whether
// the dump is where it should be. What became of the last one is kept until the image is built
// anew.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "daemon/captures/captures.h"
#include "daemon/host/host.h"
#include "makedump/base/result.h"

namespace kdump {

struct CrashTest {
  enum class State {
    none,     // none was made with this image
    pending,  // the host was to crash; nobody has looked for the dump yet
    success,
    fail,
    manual,  // the dump went where this host cannot look: a person has to
  } state = State::none;
  std::string id;        // "<seconds>-<nanoseconds>", of its beginning
  int64_t at = 0;        // of its beginning, seconds since 1970
  std::string boot_id;   // of the boot that was to be crashed
  std::string detail{};  // where the dump is; what is wrong; where to look
};

std::string_view name_of(CrashTest::State state);  // as above

// None if there is no record.
Result<CrashTest> read_crash_test(const HostPaths& paths);
Result<void> write_crash_test(const HostPaths& paths, const CrashTest& test);
// For a new image: the test was of another one.
void forget_crash_test(const HostPaths& paths);

// What can be said now of a test that is pending, from the captures that can be reached (and what
// find_captures() could not reach); any other comes back as it is. `boot_id` is that of now.
CrashTest settle_crash_test(CrashTest test, const std::string& boot_id, const Settings& settings,
                            const std::vector<Capture>& captures,
                            const std::vector<std::string>& problems);

// Reads, settles, and keeps what came out where it may.
Result<CrashTest> look_for_crash_test(const HostPaths& paths, const Settings& settings);

// One line for a person.
std::string describe(const CrashTest& test);
// The line after `status`, and after `start` when there was a test, unless the sysconfig file does
// not want it.
void say_crash_test(const HostPaths& paths);
void say_known_crash_test(const HostPaths& paths);

// Loads the image once more, told to save as a test, and crashes this host. Comes back only when
// that failed; the host is then armed as before, as far as possible.
Error crash_for_test(const Host& host);

}  // namespace kdump
