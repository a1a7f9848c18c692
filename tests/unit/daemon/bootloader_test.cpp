#include "daemon/crashkernel/bootloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "daemon/crashkernel/reset.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using ::testing::HasSubstr;

constexpr char kZiplConf[] =
    "[defaultboot]\n"
    "default = linux\n"
    "[linux]\n"
    "\tparameters = \"root=/dev/dasda1 crashkernel=128M quiet\"\n"
    "\timage = /boot/image-6.4.0-default,0x10000\n"
    "# [off]\n"
    "[old]\n"
    "\timage=/boot/image-5.3.0\n"
    "\tparameters=root=/dev/dasda1\n"
    ":menu\n"
    "[dump]\n"
    "\tdumpto=/dev/dasdb\n";

const std::vector<ParameterEdit> kEdits = {{"crashkernel", "256M"}};

// A program that ends with this status, whatever it is asked: busybox, which is static, as its
// interpreter.
void install_program(const FakeHost& fake, const std::string& name, bool succeeds) {
  fake.make_directory("/bin");
  std::filesystem::copy_file("/bin/busybox", fake.root() + "/bin/busybox",
                             std::filesystem::copy_options::overwrite_existing);
  fake.write("/usr/sbin/" + name,
             std::string("#!/bin/busybox ") + (succeeds ? "true\n" : "false\n"));
  std::filesystem::permissions(fake.root() + "/usr/sbin/" + name,
                               std::filesystem::perms::owner_all);
}

class Zipl : public ::testing::Test {
 protected:
  Zipl() {
    fake.host.machine = "s390x";
    fake.write("/etc/zipl.conf", kZiplConf);
  }
  FakeHost fake;
};

TEST_F(Zipl, sections_with_a_kernel_are_entries) {
  const auto zipl = find_bootloader(fake.host);
  ASSERT_TRUE(zipl) << zipl.error().message();
  EXPECT_EQ((*zipl)->name(), "zipl by " + fake.root() + "/etc/zipl.conf");
  const auto entries = (*zipl)->entries();
  ASSERT_TRUE(entries && entries->size() == 2);
  EXPECT_EQ((*entries)[0].kernel, "/boot/image-6.4.0-default");
  EXPECT_EQ((*entries)[0].release, "6.4.0-default");
  EXPECT_EQ((*entries)[0].options, "root=/dev/dasda1 crashkernel=128M quiet");
  EXPECT_EQ((*entries)[0].where, fake.root() + "/etc/zipl.conf:4");
  EXPECT_TRUE((*entries)[0].by_default);
  EXPECT_EQ((*entries)[1].id, "old");
  EXPECT_EQ((*entries)[1].options, "root=/dev/dasda1");
}

TEST_F(Zipl, is_told_and_run) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  install_program(fake, "zipl", true);
  const auto zipl = find_zipl(fake.host);
  ASSERT_TRUE(zipl->change(*zipl->entries(), kEdits, true));
  std::string expected = kZiplConf;
  expected.replace(expected.find("crashkernel=128M"), 16, "crashkernel=256M");
  const std::string bare = "parameters=root=/dev/dasda1";
  expected.replace(expected.find(bare), bare.size(),
                   "parameters=\"root=/dev/dasda1 crashkernel=256M\"");
  EXPECT_EQ(fake.read("/etc/zipl.conf"), expected);
}

TEST_F(Zipl, that_fails_leaves_the_file_as_it_was) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const auto zipl = find_zipl(fake.host);
  auto changed = zipl->change(*zipl->entries(), kEdits, true);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().message(), "zipl: not installed");
  EXPECT_EQ(fake.read("/etc/zipl.conf"), kZiplConf);
  install_program(fake, "zipl", false);
  changed = zipl->change(*zipl->entries(), kEdits, true);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().message(), "zipl: failed with status 1");
  EXPECT_EQ(fake.read("/etc/zipl.conf"), kZiplConf);
}

TEST(FindBootloader, loader_entries_count_unless_grub_booted_without_them) {
  FakeHost fake;
  EXPECT_FALSE(find_bootloader(fake.host));
  fake.write("/boot/loader/entries/a-6.1.conf", "linux /vmlinuz-6.1\noptions ro\n");
  const auto name = [&] {
    const auto loader = find_bootloader(fake.host);
    return loader ? (*loader)->name() : loader.error().message();
  };
  EXPECT_EQ(name(), "loader entries");
  fake.write("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n");
  fake.write("/boot/grub/grub.cfg", "menuentry 'x' {\nlinux /boot/vmlinuz-6.1 ro\n}\n");
  EXPECT_EQ(name(), "GRUB by " + fake.root() + "/etc/default/grub");
  fake.write("/boot/grub/grub.cfg", "insmod blscfg\nblscfg\n");
  EXPECT_EQ(name(), "loader entries");
  fake.write("/boot/grub/grub.cfg", "menuentry 'x' {\nlinux /boot/vmlinuz-6.1 ro\n}\n");
  const char loader_info[] = "\x06\0\0\0s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0 \0002\0005\0002\0\0";
  fake.write("/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
             std::string(loader_info, sizeof(loader_info)));
  EXPECT_EQ(name(), "loader entries");
}

TEST(ResetCrashkernel, fadump_is_switched_with_its_reservation) {
  FakeHost fake;
  fake.host.machine = "ppc64le";
  fake.host.release = "6.12";
  fake.write("/boot/vmlinuz-6.12", "");
  const std::string entry = "/boot/loader/entries/a-6.12.conf";
  fake.write(entry, "linux /vmlinuz-6.12\noptions ro crashkernel=auto\n");
  EXPECT_EQ(reset_crashkernel(fake.host, {.kernel = "ALL", .fadump = "on"}), 0);
  const std::string text = fake.read(entry);
  EXPECT_THAT(text, HasSubstr("crashkernel=4G-16G:768M,"));
  EXPECT_THAT(text, HasSubstr(",64T-:180G fadump=on\n"));
  // What it has now decides when nothing is asked for.
  EXPECT_EQ(reset_crashkernel(fake.host, {.kernel = "ALL"}), 0);
  EXPECT_EQ(fake.read(entry), text);
  EXPECT_EQ(reset_crashkernel(fake.host, {.kernel = "DEFAULT", .fadump = "off"}), 0);
  EXPECT_EQ(fake.read(entry),
            "linux /vmlinuz-6.12\noptions ro "
            "crashkernel=2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G\n");
}

}  // namespace
}  // namespace kdump
