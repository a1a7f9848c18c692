#include "daemon/arm/kernel_image.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using testing::HasSubstr;

std::string verdict(const std::string& head) {
  const auto image = check_bzimage(as_bytes(head), "/k", kRelease);
  return image ? "good" : image.error().message();
}

TEST(KernelImage, HeadIsChecked) {
  const std::string good = fake_bzimage();
  EXPECT_EQ(verdict(good), "good");
  const auto image = check_bzimage(as_bytes(good), "/k", kRelease);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->command_line_size, 2047u);
  EXPECT_EQ(image->memory_bytes, 46u << 20);

  EXPECT_EQ(verdict(""), "/k: this is not a Linux kernel for x86 (no HdrS at 0x202)");
  EXPECT_EQ(verdict("\177ELF"), "/k: this is not a Linux kernel for x86 (no HdrS at 0x202)");
  EXPECT_THAT(verdict("MZ" + std::string(4096, '\0')), HasSubstr("unified kernel image"));
  std::string old = good;
  old[0x206] = 0x0a;
  EXPECT_EQ(verdict(old), "/k: its boot protocol is 0x20a, older than 0x20c (2.12)");
  std::string narrow = good;
  narrow[0x236] = 0x02;
  EXPECT_EQ(verdict(narrow),
            "/k: it has no 64-bit entry (xloadflags 0x2), so kexec_file_load cannot start it");
}

TEST(KernelImage, ReleaseMustBeTheRunningOne) {
  EXPECT_EQ(verdict(fake_bzimage("6.12.1")),
            "/k: this is kernel 6.12.1, not 6.1.0-56-amd64, and would not find its modules");
  std::string silent = fake_bzimage();
  silent[0x20e] = silent[0x20f] = 0;
  EXPECT_EQ(verdict(silent), "good");
  std::string hostile = fake_bzimage();
  hostile[0x20e] = hostile[0x20f] = '\xff';  // text far behind the end
  EXPECT_EQ(verdict(hostile), "good");
}

TEST(KernelImage, FoundInBootThenBesideTheModules) {
  FakeHost fake;
  const auto in_boot = find_kernel(fake.host.paths, kRelease, "x86_64");
  ASSERT_TRUE(in_boot) << in_boot.error().message();
  EXPECT_EQ(in_boot->path, fake.root() + "/boot/vmlinuz-" + kRelease);
  EXPECT_EQ(in_boot->file_bytes, 4096u);

  fake.remove("/boot");
  fake.write("/lib/modules/" + kRelease + "/vmlinuz", fake_bzimage());
  const auto in_modules = find_kernel(fake.host.paths, kRelease, "x86_64");
  ASSERT_TRUE(in_modules);
  EXPECT_EQ(in_modules->path, fake.root() + "/lib/modules/" + kRelease + "/vmlinuz");

  fake.remove("/lib");
  const auto nowhere = find_kernel(fake.host.paths, kRelease, "x86_64");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message(), HasSubstr("no kernel file of kernel"));
}

TEST(KernelImage, OtherMachines) {
  FakeHost fake;
  const auto image = find_kernel(fake.host.paths, kRelease, "aarch64");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message(),
            "arming machines of type aarch64 is not supported by this version of kdumpd");
}

}  // namespace
}  // namespace kdump
