#include "daemon/arm/signature.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

// The PE header of a kernel, with or without certificates behind it.
std::string fake_pe(uint32_t certificates_at, uint32_t certificates_size) {
  std::string file(0x300, '\0');
  file.replace(0, 2, "MZ");
  const auto at = [&](size_t offset) { return reinterpret_cast<std::byte*>(file.data() + offset); };
  store<uint32_t>(at(0x3c), 0x80);
  file.replace(0x80, 2, "PE");
  store<uint16_t>(at(0x80 + 24), 0x20b);
  store<uint32_t>(at(0x80 + 24 + 112 + 32), certificates_at);
  store<uint32_t>(at(0x80 + 24 + 112 + 36), certificates_size);
  return file;
}

TEST(Signature, IsFoundInPeHeadersAndAtTheEnd) {
  EXPECT_TRUE(holds_signature(as_bytes(fake_pe(0x200, 0x100))));
  EXPECT_TRUE(holds_signature(as_bytes("kernelPKCS#7~Module signature appended~\n")));
  EXPECT_FALSE(holds_signature(as_bytes(fake_pe(0, 0))));
  EXPECT_FALSE(holds_signature(as_bytes(fake_pe(0x200, 0x101))));  // outside the file
  EXPECT_FALSE(holds_signature(as_bytes(fake_pe(0xffffffff, 0xffffffff))));
  EXPECT_FALSE(holds_signature(as_bytes("")));
  EXPECT_FALSE(holds_signature(as_bytes("MZ")));
  const std::string whole = fake_pe(0x200, 0x100);
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(holds_signature(as_bytes(whole).first(length))) << length;
}

class Rules : public testing::Test {
 protected:
  SignatureRules rules() { return read_signature_rules(fake_.host.paths, kRelease); }
  void lockdown(const std::string& text) { fake_.write("/sys/kernel/security/lockdown", text); }
  void config(const std::string& text) { fake_.write("/boot/config-" + kRelease, text); }
  FakeHost fake_;
};

TEST_F(Rules, NothingIsInsistedOnWhereNothingSaysSo) {
  const SignatureRules found = rules();
  EXPECT_FALSE(found.insists_on_kernels);
  EXPECT_FALSE(found.insists_on_modules);
  EXPECT_FALSE(found.checks_kernels);
  EXPECT_FALSE(found.secure_boot);
  EXPECT_EQ(found.describe(), "not locked down");
}

// What was loaded before stays: it is refused before the kernel is asked.
TEST_F(Rules, AnUnsignedKernelIsRefusedBeforeItIsLoaded) {
  const std::string kernel = fake_.host.paths.boot() + "/vmlinuz-" + kRelease;
  const auto check = [&] { return check_kernel_signature(fake_.host.paths, kRelease, kernel); };
  EXPECT_TRUE(check());  // not even read where nobody insists
  lockdown("none [integrity] confidentiality\n");
  fake_.write("/boot/vmlinuz-" + kRelease, fake_pe(0, 0));
  ASSERT_FALSE(check());
  EXPECT_NE(check().error().message().find(
                "is not signed, and the running kernel takes only what is: it is locked down"),
            std::string::npos)
      << check().error().message();
  fake_.write("/boot/vmlinuz-" + kRelease, fake_pe(0x200, 0x100));
  EXPECT_TRUE(check());
}

TEST_F(Rules, LockdownInsistsOnBoth) {
  lockdown("none [integrity] confidentiality\n");
  config("CONFIG_KEXEC_SIG=y\n# CONFIG_KEXEC_SIG_FORCE is not set\n");
  fake_.write("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
              std::string("\x06\0\0\0\x01", 5));
  const SignatureRules found = rules();
  EXPECT_TRUE(found.insists_on_kernels);
  EXPECT_TRUE(found.insists_on_modules);
  EXPECT_EQ(found.describe(), "locked down (integrity), Secure Boot is on");
  EXPECT_EQ(found.why, "it is locked down (integrity)");
}

TEST_F(Rules, WithoutTheOptionLockdownDoesNotLookAtKernels) {
  lockdown("none [integrity] confidentiality\n");
  config("# CONFIG_KEXEC_SIG is not set\n");
  EXPECT_FALSE(rules().insists_on_kernels);
  EXPECT_TRUE(rules().insists_on_modules);
}

TEST_F(Rules, KernelsBuiltToInsistDoSo) {
  lockdown("[none] integrity confidentiality\n");
  for (const char* option : {"KEXEC_SIG_FORCE", "KEXEC_VERIFY_SIG"}) {
    config(std::string("CONFIG_X=y\nCONFIG_") + option + "=y\n");
    EXPECT_TRUE(rules().insists_on_kernels) << option;
    EXPECT_FALSE(rules().insists_on_modules) << option;
  }
  fake_.write("/sys/module/module/parameters/sig_enforce", "Y\n");
  EXPECT_TRUE(rules().insists_on_modules);
}

}  // namespace
}  // namespace kdump
