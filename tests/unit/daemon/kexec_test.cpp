#include "daemon/arm/kexec.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Refusal {
  int error;
  const char* starts;
};

// {K} and {I} stand for the kernel's and the image's path.
const Refusal kRefusals[] = {
    {ENOSYS, "this kernel has no kexec_file_load: it is built without CONFIG_KEXEC_FILE"},
    {EPERM, "loading a crash kernel needs root (CAP_SYS_BOOT)"},
    {EADDRNOTAVAIL,
     "kernel {K} and capture image {I} do not fit into the memory reserved for the crash kernel "
     "(192.0 MiB): boot with a larger crashkernel="},
    {ENOMEM,
     "the kernel found no memory to load the crash kernel: boot with a larger crashkernel="},
    {ENOEXEC, "{K}: the running kernel does not know this as a kernel it can start"},
    {EINVAL, "the kernel refuses kernel, image or command line"},
    {ETXTBSY, "{K} or {I} is being written"},
    {EFBIG, "{K} or {I} is larger than 4 GiB"},
    {ENODATA, "{K} is not signed, and this kernel loads only what is"},
    {ENOKEY, "{K} is signed with a key that this kernel does not know"},
    {EKEYREJECTED,
     "{K}: its signature does not fit (see dmesg): the file was changed or is damaged: install "},
    {524, "{K}: its signature cannot be verified on this machine"},
    {EIO, "kexec_file_load: Input/output error"},
};

std::string with_paths(std::string text, const CrashImage& image) {
  for (const auto& [mark, path] :
       {std::pair<std::string, std::string>{"{K}", image.kernel}, {"{I}", image.initrd}})
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.replace(at, mark.size(), path);
  return text;
}

CrashImage image_of(const FakeHost& fake) {
  fake.write("/var/lib/kdump/image", "i");
  return {fake.root() + "/boot/vmlinuz-" + kRelease, fake.root() + "/var/lib/kdump/image", "ro"};
}

std::string message_of(FakeHost& fake, int error) {
  fake.answers = {error};
  const auto loaded = load_crash_image(fake.host.paths, fake.host.kexec_file_load, image_of(fake));
  return loaded ? "loaded" : loaded.error().message();
}

TEST(Kexec, EveryRefusalIsExplained) {
  FakeHost fake;
  for (const Refusal& refusal : kRefusals)
    EXPECT_THAT(message_of(fake, refusal.error),
                StartsWith(with_paths(refusal.starts, image_of(fake))));
}

TEST(Kexec, NoRoomOrNothingReserved) {
  FakeHost fake;
  fake.write("/sys/kernel/kexec_crash_size", "0\n");
  EXPECT_EQ(message_of(fake, EADDRNOTAVAIL),
            "No memory reserved for crash kernel: boot with crashkernel=, for example "
            "crashkernel=256M");
}

TEST(Kexec, WhyNotPermitted) {
  FakeHost fake;
  fake.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_THAT(message_of(fake, EPERM), HasSubstr("locked down"));
  fake.write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
  EXPECT_THAT(message_of(fake, EPERM), HasSubstr("CAP_SYS_BOOT"));
  fake.write("/proc/sys/kernel/kexec_load_limit_panic", "-1\n");
  EXPECT_THAT(message_of(fake, EPERM), HasSubstr("CAP_SYS_BOOT"));
  fake.write("/proc/sys/kernel/kexec_load_limit_panic", "0\n");
  EXPECT_THAT(message_of(fake, EPERM), HasSubstr("kexec_load_limit_panic is 0"));
  fake.write("/proc/sys/kernel/kexec_load_disabled", "1\n");
  EXPECT_THAT(message_of(fake, EPERM), HasSubstr("kexec_load_disabled is 1"));
}

TEST(Kexec, BusyKernelIsAskedAgain) {
  FakeHost fake;
  fake.answers = {EBUSY, EBUSY, 0};
  EXPECT_TRUE(load_crash_image(fake.host.paths, fake.host.kexec_file_load, image_of(fake)));
  EXPECT_EQ(fake.loads, 3);
}

TEST(Kexec, MissingFilesAreNamedBeforeTheKernelIsAsked) {
  FakeHost fake;
  CrashImage image = image_of(fake);
  image.initrd = "/nonexistent/image";
  const auto loaded = load_crash_image(fake.host.paths, fake.host.kexec_file_load, image);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(), "/nonexistent/image: No such file or directory");
  EXPECT_EQ(fake.loads, 0);
}

TEST(Kexec, NewNamesInSysfsComeFirst) {
  FakeHost fake;
  EXPECT_FALSE(crash_image_loaded(fake.host.paths).value());
  EXPECT_EQ(reserved_bytes(fake.host.paths).value(), 192u << 20);
  fake.write("/sys/kernel/kexec/crash_loaded", "1\n");
  fake.write("/sys/kernel/kexec/crash_size", "1048576\n");
  EXPECT_TRUE(crash_image_loaded(fake.host.paths).value());
  EXPECT_EQ(reserved_bytes(fake.host.paths).value(), 1u << 20);
}

TEST(Kexec, KernelWithoutKexec) {
  FakeHost fake;
  fake.remove("/sys/kernel");
  const auto loaded = crash_image_loaded(fake.host.paths);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(), "Kdump is not supported on this kernel");
}

TEST(Kexec, LargestRegion) {
  FakeHost fake;
  EXPECT_EQ(largest_reserved_region(fake.host.paths), 192u << 20);
  fake.write("/proc/iomem",
             "  01000000-01ffffff : Crash kernel\n"
             "100000000-1ffffffff : System RAM\n"
             "  100000000-10fffffff : Crash kernel\n");
  EXPECT_EQ(largest_reserved_region(fake.host.paths), 256u << 20);
  fake.write("/proc/iomem", "  00000000-00000000 : Crash kernel\n");  // not root
  EXPECT_EQ(largest_reserved_region(fake.host.paths), std::nullopt);
  fake.write("/proc/iomem", " : Crash kernel\n- : Crash kernel\nx-y : Crash kernel\n\n");
  EXPECT_EQ(largest_reserved_region(fake.host.paths), std::nullopt);
}

}  // namespace
}  // namespace kdump
