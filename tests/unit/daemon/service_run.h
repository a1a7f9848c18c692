// Runs an action of the service on a host in a directory, and keeps what it says and leaves.
#pragma once

#include <gmock/gmock.h>
#include <string>

#include "daemon/arm/service.h"
#include "makedump/base/log.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {

inline const std::string kImage = "initramfs-" + kRelease + "kdump.img";
inline const std::string kImagePath = "/var/lib/kdump/" + kImage;

// Runs an action and returns what it says.
template <class Action>
std::string said_by(Action action) {
  testing::internal::CaptureStderr();
  log::open("kdump", log::Where::standard_error);
  action();
  return testing::internal::GetCapturedStderr();
}

struct Ran {
  ArmingState state;
  std::string said;
};

inline Ran run(FakeHost& fake, ArmingState (*action)(const Host&)) {
  Ran ran;
  ran.said = said_by([&] { ran.state = action(fake.host); });
  return ran;
}

inline std::string rebuilding(const FakeHost& fake) {
  return "kdump: Rebuilding " + fake.root() + "/var/lib/kdump/" + kImage + "\n";
}

inline ArmingState left_state(const FakeHost& fake) {
  const auto state = read_arming_state(fake.host.paths);
  EXPECT_TRUE(state) << state.error().message();
  return state ? *state : ArmingState{};
}

inline ArmingState refresh(const Host& host) {
  return refresh_service(host, false);
}
inline ArmingState hotplug(const Host& host) {
  return refresh_service(host, true);
}

}  // namespace kdump
