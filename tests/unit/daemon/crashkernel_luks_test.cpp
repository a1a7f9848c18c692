#include <gtest/gtest.h>

#include "daemon/crashkernel/crypttab.h"
#include "daemon/crashkernel/luks.h"
#include "daemon/crashkernel/need.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

const std::string kUuid = "01234567-89ab-cdef-0123-456789abcdef";

std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i)
    text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string luks_header(int version, const std::string& json) {
  std::string header =
      "LUKS\xba\xbe" + big_endian(static_cast<uint64_t>(version), 2) + big_endian(16384, 8);
  header.resize(4096);
  header += json;
  header.resize(20000);
  return header;
}

const std::string kArgon =
    R"({"keyslots":{"0":{"kdf":{"type":"pbkdf2","iterations":1000}},)"
    R"("1":{"kdf":{"type":"argon2id","time":4,"memory":1048576,"cpus":4}}}})";

// / on LVM on an encrypted partition, /boot beside it.
class EncryptedHost : public FakeHost {
 public:
  EncryptedHost() {
    write("/proc/self/mountinfo",
          "22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw\n"
          "30 22 8:1 / /boot rw,relatime - ext4 /dev/sda1 rw\n");
    write("/sys/class/block/dm-1/dm/uuid", "LVM-abc\n");
    write("/sys/class/block/dm-0/dm/uuid",
          "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-sda3_crypt\n");
    make_directory("/sys/class/block/dm-1/slaves/dm-0");
    make_directory("/sys/class/block/dm-0/slaves/sda3");
    make_directory("/sys/class/block/sda1/slaves");
    make_directory("/sys/class/block/sda3");
    make_directory("/sys/dev/block");
    std::filesystem::create_symlink("../../class/block/dm-1", root() + "/sys/dev/block/253:1");
    std::filesystem::create_symlink("../../class/block/sda1", root() + "/sys/dev/block/8:1");
    write("/dev/sda3", luks_header(2, kArgon));
    write("/dev/sda1", "ext4");
    write("/dev/dm-1", "ext4");
  }
};

TEST(Luks, volumes_below_a_target_are_found) {
  EncryptedHost fake;
  Settings settings;
  auto volumes = luks_volumes(fake.host.paths, settings);
  ASSERT_EQ(volumes.size(), 1u);
  EXPECT_EQ(volumes[0].uuid, kUuid);
  EXPECT_EQ(volumes[0].device, "sda3");
  EXPECT_EQ(volumes[0].kdf_bytes, uint64_t{1} << 30);

  settings.path = "/boot/crash";
  EXPECT_TRUE(luks_volumes(fake.host.paths, settings).empty());
  settings.path = "/bootlog";  // not below /boot
  EXPECT_EQ(luks_volumes(fake.host.paths, settings).size(), 1u);

  settings.targets = {{.kind = TargetKind::ssh, .user = "u", .host = "h"}};
  EXPECT_TRUE(luks_volumes(fake.host.paths, settings).empty());
  settings.targets = {{.kind = TargetKind::filesystem, .type = "ext4", .device = "/dev/dm-1"}};
  EXPECT_EQ(luks_volumes(fake.host.paths, settings).size(), 1u);
  settings.targets = {{.kind = TargetKind::filesystem, .type = "ext4", .device = "UUID=not-there"}};
  EXPECT_TRUE(luks_volumes(fake.host.paths, settings).empty());
}

TEST(Luks, argons_memory_is_in_the_header) {
  FakeHost fake;
  const auto kdf = [&](const std::string& header) {
    fake.write("/dev/x", header);
    return luks_kdf_bytes(fake.root() + "/dev/x");
  };
  EXPECT_EQ(kdf(luks_header(2, kArgon)), uint64_t{1} << 30);
  EXPECT_EQ(kdf(luks_header(1, kArgon)), 0u);
  EXPECT_EQ(kdf(luks_header(2, R"({"keyslots":{"0":{"kdf":{"type":"pbkdf2"}}}})")), 0u);
  for (const char* damaged :
       {"", "{", "[]", R"({"keyslots":3})", R"({"keyslots":{"0":3}})",
        R"({"keyslots":{"0":{"kdf":[]}}})", R"({"keyslots":{"0":{"kdf":{"memory":-5}}}})",
        R"({"keyslots":{"0":{"kdf":{"memory":"1"}}}})"})
    EXPECT_EQ(kdf(luks_header(2, damaged)), 0u) << damaged;
  EXPECT_EQ(kdf("LUKS\xba\xbe"), 0u);
  EXPECT_EQ(luks_kdf_bytes(fake.root() + "/dev/none"), 0u);
}

TEST(Crypttab, the_option_is_added_where_the_volume_is) {
  FakeHost fake;
  fake.write("/dev/sda3", "");
  fake.make_directory("/dev/mapper");
  std::filesystem::create_symlink("sda3", fake.root() + "/dev/disk3");
  const LuksVolume volume{kUuid, "sda3", 0};
  const std::string option = "link-volume-key=@u::%logon:kdump-cryptsetup:vk-" + kUuid;
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"a UUID=" + kUuid + " none discard\n", "a UUID=" + kUuid + " none discard," + option + "\n"},
      {"a UUID=" + kUuid + "\n", "a UUID=" + kUuid + " none " + option + "\n"},
      {"a UUID=" + kUuid + " -", "a UUID=" + kUuid + " - " + option},
      {"a\tUUID=\"" + kUuid + "\"\tnone\tluks\t# x\n",
       "a\tUUID=\"" + kUuid + "\"\tnone\tluks," + option + "\t# x\n"},
      {"a /dev/sda3 none luks,link-volume-key=@s::x,discard\n",
       "a /dev/sda3 none luks," + option + ",discard\n"},
      {"a /dev/disk3 none " + option + "\n", "a /dev/disk3 none " + option + "\n"},
      {"a UUID=01234567-89AB-CDEF-0123-456789ABCDEF none\n",
       "a UUID=01234567-89AB-CDEF-0123-456789ABCDEF none " + option + "\n"},
      {"# c\n\nb UUID=other none\na /dev/disk/by-uuid/" + kUuid + " /key x\n",
       "# c\n\nb UUID=other none\na /dev/disk/by-uuid/" + kUuid + " /key x," + option + "\n"},
  };
  for (const auto& [before, after] : rows) {
    const auto edited = with_volume_key(fake.host.paths, before, volume);
    ASSERT_TRUE(edited) << before;
    EXPECT_EQ(*edited, after);
    const auto again = with_volume_key(fake.host.paths, *edited, volume);
    EXPECT_TRUE(again && *again == after) << before;
  }
  for (const char* text :
       {"", "#a UUID=01234567-89ab-cdef-0123-456789abcdef\n", "a\n", "a UUID=b\n"})
    EXPECT_FALSE(with_volume_key(fake.host.paths, text, volume)) << text;
}

TEST(RhelEstimate, counts_what_rhels_does_and_luks_only_below_a_target) {
  EncryptedHost fake;
  fake.write("/proc/iomem", "00000000-1ffffffff : System RAM\n");
  fake.write("/var/lib/kdump/initramfs-" + kRelease + "kdump.img", std::string(4u << 20, 'x'));
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const auto need = needed_memory(fake.host, {});
  ASSERT_TRUE(need) << need.error().message();
  EXPECT_EQ(need->reserved, 192 * kMiB);
  EXPECT_EQ(need->needed, (46 + 4 * 4 + 5 + 24) * kMiB);
  EXPECT_TRUE(need->enough());
  EXPECT_EQ(need->describe(),
            "91.0 MiB needed (kernel 46.0 MiB, capture image 16.0 MiB, makedump 5.0 MiB, kernel at "
            "work 24.0 MiB)");

  MemoryNeed with_modules = *need;
  with_modules.modules = {{"ext4", 2 * kMiB}, {"jbd2", kMiB / 2}};
  Settings settings;
  auto estimate = rhel_estimate(fake.host, with_modules, settings);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->modules, 2 * kMiB + kMiB / 2);
  EXPECT_EQ(estimate->luks, (1024 + 20) * kMiB);
  EXPECT_EQ(estimate->recommended, (46 + 3 * 4 + 16 + 1024 + 20) * kMiB + 2 * kMiB + kMiB / 2);

  settings.path = "/boot/crash";
  estimate = rhel_estimate(fake.host, *need, settings);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->luks, 0u);
  EXPECT_EQ(estimate->recommended, 256 * kMiB);  // the default for 8 GiB

  // A key that is handed over need not be derived.
  settings.path = "/var/crash";
  fake.make_directory("/sys/kernel/config/crash_dm_crypt_keys");
  fake.write(
      "/etc/crypttab",
      "a UUID=" + kUuid + " none link-volume-key=@u::%logon:kdump-cryptsetup:vk-" + kUuid + "\n");
  estimate = rhel_estimate(fake.host, *need, settings);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->luks, 0u);
}

TEST(MemoryNeed, what_is_at_work_depends_on_the_targets) {
  const auto mib = [](const std::optional<CapturePlan>& plan) {
    uint64_t bytes = 0;
    for (const MemoryNeed::Part& part : needed_at_work(plan))
      bytes += part.bytes;
    return bytes >> 20;
  };
  CapturePlan plan;
  plan.targets.resize(1);
  plan.targets[0].kind = TargetKind::filesystem;
  EXPECT_EQ(mib(plan), 16U);
  plan.targets[0].kind = TargetKind::nfs;
  EXPECT_EQ(mib(plan), 16U + 12);
  plan.targets[0].kind = TargetKind::sftp;
  EXPECT_EQ(mib(plan), 16U + 12 + 15);
  plan.targets.push_back(plan.targets[0]);
  plan.targets[1].kind = TargetKind::ssh;
  EXPECT_EQ(mib(plan), 16U + 12 + 15);
  EXPECT_EQ(mib(std::nullopt), 24U);
}

TEST(MemoryNeed, what_a_capture_measured_counts) {
  FakeHost fake;
  fake.write("/var/lib/kdump/initramfs-" + kRelease + "kdump.img", "x");
  Capture older, newer;
  older.id = "old";
  older.peak_memory_kib = 100 << 10;
  newer.id = "new";
  newer.peak_memory_kib = 30 << 10;
  newer.least_available_kib = 5 << 10;
  Capture silent;
  silent.id = "silent";
  const auto need = needed_memory(fake.host, {silent, newer, older});
  ASSERT_TRUE(need);
  EXPECT_EQ(need->measured_in, "new");
  EXPECT_EQ(need->peak, 30u << 20);
  EXPECT_EQ(need->left, 5u << 20);
  EXPECT_EQ(need->needed, (uint64_t{46 + 30 + 24} << 20) + 4);
  fake.remove("/var/lib/kdump");
  EXPECT_EQ(needed_memory(fake.host, {}).error().code(), Errc::not_found);
}

}  // namespace
}  // namespace kdump
