#include "daemon/arm/disk_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string kUuid = "01234567-89ab-cdef-0123-456789abcdef";
constexpr uint64_t kReserved = uint64_t{256} << 20;

// A volume for dumps on an encrypted disk.
class EncryptedTarget : public FakeHost {
 public:
  EncryptedTarget() {
    write("/sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-crash\n");
    make_directory("/sys/class/block/dm-0/slaves/sdb");
    make_directory("/sys/class/block/sdb");
    write("/dev/dm-0", "ext4");
    write("/dev/sdb", "none");
    Target& target = settings.targets.front();
    target.kind = TargetKind::filesystem;
    target.type = "ext4";
    target.device = "/dev/dm-0";
  }

  Result<DiskKeys> keys() const { return disk_keys(host.paths, settings, kReserved); }

  Settings settings;
};

TEST(DiskKeys, AKeyFileOfCrypttabGoesIntoTheImage) {
  EncryptedTarget fake;
  fake.write("/etc/keys/crash", "secret");
  for (const std::string& line : std::vector<std::string>{
           "crash UUID=" + kUuid + " /etc/keys/crash luks", "crash /dev/sdb \"/etc/keys/crash\""}) {
    fake.write("/etc/crypttab", "# name device key\nother UUID=x /etc/other luks\n" + line + "\n");
    const auto keys = fake.keys();
    ASSERT_TRUE(keys) << keys.error().message();
    ASSERT_EQ(keys->files.size(), 1u);
    EXPECT_EQ(keys->files[0].source, fake.root() + "/etc/keys/crash");
    EXPECT_EQ(keys->files[0].image_path, "/etc/keys/crash");
    EXPECT_EQ(keys->files[0].mode, 0400u);
    EXPECT_THAT(keys->warnings, IsEmpty());
  }
}

TEST(DiskKeys, NobodyTypesAPassphraseAfterACrash) {
  EncryptedTarget fake;
  fake.write("/etc/keys/crash", "secret");
  for (const std::string& line : std::vector<std::string>{
           "", "crash UUID=" + kUuid + " none luks", "crash UUID=" + kUuid + " - luks",
           "crash UUID=" + kUuid, "crash UUID=" + kUuid + " /dev/urandom swap",
           "#crash UUID=" + kUuid + " /etc/keys/crash luks"}) {
    fake.write("/etc/crypttab", line + "\n");
    const auto keys = fake.keys();
    ASSERT_FALSE(keys) << line;
    EXPECT_EQ(keys.error().code(), Errc::unsupported);
    EXPECT_THAT(keys.error().message(), HasSubstr("UUID=" + kUuid));
    EXPECT_THAT(keys.error().message(), HasSubstr("nobody can type its passphrase"));
  }
}

TEST(DiskKeys, AKeyFileThatIsNotThere) {
  EncryptedTarget fake;
  fake.write("/etc/crypttab", "crash UUID=" + kUuid + " /etc/keys/gone luks\n");
  const auto keys = fake.keys();
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message(), HasSubstr("/etc/keys/gone"));
}

TEST(DiskKeys, AKeySlotThatTakesMoreMemoryThanThereIsIsWarnedOf) {
  EncryptedTarget fake;
  fake.write("/etc/keys/crash", "secret");
  fake.write("/etc/crypttab", "crash UUID=" + kUuid + " /etc/keys/crash luks\n");
  std::string header("LUKS\xba\xbe\0\2\0\0\0\0\0\0\x40\0", 16);
  header.resize(4096);
  header += R"({"keyslots":{"0":{"kdf":{"type":"argon2id","memory":1048576}}}})";
  header.resize(20000);
  fake.write("/dev/sdb", header);
  const auto keys = fake.keys();
  ASSERT_TRUE(keys) << keys.error().message();
  ASSERT_EQ(keys->warnings.size(), 1u);
  EXPECT_THAT(keys->warnings[0], HasSubstr("1.0 GiB of memory"));
}

TEST(DiskKeys, KeysThatTheKernelHandsOverNeedNoFile) {
  EncryptedTarget fake;
  const std::string keys = "/sys/kernel/config/crash_dm_crypt_keys";
  fake.make_directory(keys);
  fake.write("/etc/crypttab", "crash UUID=" + kUuid +
                                  " none link-volume-key=@u::%logon:kdump-cryptsetup:vk-" + kUuid +
                                  "\n");
  const auto found = fake.keys();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_THAT(found->files, IsEmpty());
  EXPECT_THAT(found->handed_over, testing::ElementsAre(kUuid));

  // configfs makes the attribute with the folder; one of another volume is there from before.
  fake.write(keys + "/" + kUuid + "/description",
             "old and long and longer than the new one is, yes");
  fake.make_directory(keys + "/ffffffff-0000");
  const auto told = hand_over_keys(fake.host.paths, found->handed_over);
  ASSERT_TRUE(told) << told.error().message();
  std::ifstream file(fake.root() + keys + "/" + kUuid + "/description");
  std::string text;
  std::getline(file, text);
  EXPECT_TRUE(text.starts_with("kdump-cryptsetup:vk-" + kUuid)) << text;
  EXPECT_FALSE(std::filesystem::exists(fake.root() + keys + "/ffffffff-0000"));
}

TEST(DiskKeys, AKernelThatCannotHandKeysOverIsLeftAlone) {
  EncryptedTarget fake;
  EXPECT_TRUE(hand_over_keys(fake.host.paths, {}));
  const auto told = hand_over_keys(fake.host.paths, {kUuid});
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("cannot be handed to the capture kernel"));
}

TEST(DiskKeys, PlainTargetsHaveNone) {
  EncryptedTarget fake;
  fake.settings.targets.front().device = "/dev/sdb";
  const auto keys = fake.keys();
  ASSERT_TRUE(keys);
  EXPECT_THAT(keys->files, IsEmpty());
}

}  // namespace
}  // namespace kdump
