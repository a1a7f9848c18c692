#include "initramfs/capture/unlock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "initramfs/capture/supervisor.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kUuid = "01234567-89ab-cdef-0123-456789abcdef";
const std::string kKeys =
    "12a9f9b3 I--Q---     3 perm 1f3f0000     0 65534 keyring   _uid.0: empty\n"
    "21f7aa3c I--Q---     1 perm 3b010000     0     0 logon     kdump-cryptsetup:vk-" +
    kUuid + ": 64\n";

class Unlock : public testing::Test {
 protected:
  Unlock() { state_.set_device_limit(std::chrono::seconds(0)); }

  [[nodiscard]] UnlockPlaces places() const {
    return {dir_.path("config"), "/bin/false", dir_.path("mapper"), dir_.path("keys")};
  }
  void kernel_has_keys() const {
    dir_.write("config/crash_dm_crypt_keys/restore", "0\n");
    dir_.write("keys", kKeys);
  }

  TempDir dir_;
  WorkerState state_;
};

TEST_F(Unlock, AsksTheKernelForTheKeysFirst) {
  kernel_has_keys();
  dir_.write("mapper/kdump-" + kUuid, "");  // open already: nothing is left to do
  const auto done = unlock_volumes(state_, places());
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(dir_.content("config/crash_dm_crypt_keys/restore"), "1\n");
}

TEST_F(Unlock, AKernelThatCannotHandOverKeysHasNothingToUnlock) {
  dir_.write("keys", kKeys);
  EXPECT_TRUE(unlock_volumes(state_, places()));
}

TEST_F(Unlock, AVolumeThatIsNotThereIsGivenUpInTime) {
  kernel_has_keys();
  const auto done = unlock_volumes(state_, places());
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("UUID=" + kUuid));
}

TEST_F(Unlock, KeysOfOthersAreNotVolumes) {
  EXPECT_THAT(volumes_with_keys(kKeys + kKeys), ElementsAre(kUuid, kUuid));
  EXPECT_THAT(volumes_with_keys("1 I--Q--- 1 perm 3 0 0 logon     other:vk-" + kUuid), IsEmpty());
  EXPECT_THAT(volumes_with_keys("logon     kdump-cryptsetup:vk-0123"), IsEmpty());
  EXPECT_THAT(volumes_with_keys("logon     kdump-cryptsetup:vk-" + std::string(36, 'x')),
              IsEmpty());
}

}  // namespace
}  // namespace kdump
