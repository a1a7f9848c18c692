#include "daemon/arm/signature.h"

#include <algorithm>

#include "daemon/arm/kernel_image.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr std::string_view kAppended = "~Module signature appended~\n";

// "none [integrity] confidentiality" → integrity
std::string chosen(const std::string& text) {
  const size_t begin = text.find('[');
  const size_t end = text.find(']', begin);
  return end == std::string::npos ? "" : text.substr(begin + 1, end - begin - 1);
}

// Linux's efivarfs puts four bytes of attributes in front of the value, which is one byte.
std::optional<bool> read_secure_boot(const HostPaths& paths) {
  const auto value = read_text_file(paths.secure_boot());
  if (!value || value->size() != 5) return std::nullopt;
  return value->back() == '\1';
}

std::optional<std::string> read_kernel_config(const HostPaths& paths, const std::string& release) {
  for (const std::string& path :
       {paths.boot() + "/config-" + release, paths.modules(release) + "/config"})
    if (auto text = read_text_file(path, size_t{4} << 20)) return "\n" + *std::move(text);
  return std::nullopt;
}

bool is_set(const std::string& config, const std::string& option) {
  return config.find("\nCONFIG_" + option + "=y\n") != std::string::npos;
}

}  // namespace

std::string SignatureRules::describe() const {
  std::string text =
      lockdown.empty() || lockdown == "none" ? "not locked down" : "locked down (" + lockdown + ")";
  if (secure_boot) text += *secure_boot ? ", Secure Boot is on" : ", Secure Boot is off";
  return text;
}

SignatureRules read_signature_rules(const HostPaths& paths, const std::string& release) {
  SignatureRules rules;
  if (const auto text = read_text_file(paths.lockdown())) rules.lockdown = chosen(*text);
  rules.secure_boot = read_secure_boot(paths);
  const bool locked_down = !rules.lockdown.empty() && rules.lockdown != "none";
  const auto config = read_kernel_config(paths, release);
  if (config) {
    rules.checks_kernels = is_set(*config, "KEXEC_SIG") || is_set(*config, "KEXEC_VERIFY_SIG");
    // Linux 5.4 (99d5cadfde2b) made of one option two.
    if (is_set(*config, "KEXEC_SIG_FORCE") || is_set(*config, "KEXEC_VERIFY_SIG")) {
      rules.insists_on_kernels = true;
      rules.why = "it is built so (CONFIG_KEXEC_SIG_FORCE)";
    }
  }
  // Without CONFIG_KEXEC_SIG, lockdown does not look at what kexec_file_load is given.
  if (locked_down && rules.checks_kernels.value_or(true)) {
    rules.insists_on_kernels = true;
    rules.why = "it is locked down (" + rules.lockdown + ")";
  }
  const auto enforced = read_text_file(paths.module_signatures_enforced());
  rules.insists_on_modules = locked_down || (enforced && enforced->starts_with('Y'));
  if (rules.insists_on_modules && rules.why.empty())
    rules.why =
        locked_down ? "it is locked down (" + rules.lockdown + ")" : "module.sig_enforce is on";
  return rules;
}

Result<void> check_kernel_signature(const HostPaths& paths, const std::string& release,
                                    const std::string& kernel) {
  const SignatureRules rules = read_signature_rules(paths, release);
  if (!rules.insists_on_kernels) return {};
  KDUMP_TRY_ASSIGN(const bool is_signed, kernel_is_signed(kernel));
  if (is_signed) return {};
  return Error(Errc::bad_input,
               kernel + " is not signed, and the running kernel takes only what is: " + rules.why +
                   ": install the distribution's own kernel package again");
}

bool holds_signature(Bytes kernel) {
  if (as_text(kernel).ends_with(kAppended)) return true;
  // PE: the fifth entry of the data directory says where the certificates are, in the file.
  constexpr uint64_t kPeAt = 0x3c, kOptional = 24, kPe32Plus = 0x20b;
  constexpr uint64_t kCertificates32 = 96 + 4 * 8, kCertificates64 = 112 + 4 * 8;
  if (!as_text(kernel).starts_with("MZ")) return false;
  const auto pe = load_at<uint32_t>(kernel, kPeAt);
  if (!pe || load_at<uint32_t>(kernel, *pe) != 0x4550U) return false;
  const auto magic = load_at<uint16_t>(kernel, uint64_t{*pe} + kOptional);
  if (!magic) return false;
  const uint64_t entry =
      uint64_t{*pe} + kOptional + (*magic == kPe32Plus ? kCertificates64 : kCertificates32);
  const auto offset = load_at<uint32_t>(kernel, entry);
  const auto size = load_at<uint32_t>(kernel, entry + 4);
  return offset && size && *size != 0 && *offset <= kernel.size() &&
         kernel.size() - *offset >= *size;
}

Result<bool> kernel_is_signed(const std::string& path) {
  KDUMP_TRY_ASSIGN(const std::string kernel, read_text_file(path, kLargestKernelFile));
  return holds_signature(as_bytes(kernel));
}

}  // namespace kdump
