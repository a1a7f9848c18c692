// Whether this kernel insists on signatures, and whether what is to be loaded has them. What only
// the kernel can tell (is the signer trusted?) it tells when the image is loaded.
#pragma once

#include <optional>
#include <string>

#include "daemon/host/host_paths.h"
#include "makedump/base/bytes.h"
#include "makedump/base/result.h"

namespace kdump {

struct SignatureRules {
  std::string lockdown;             // none integrity confidentiality; "" if the kernel has none
  std::optional<bool> secure_boot;  // nothing without UEFI, or if it cannot be read
  // Nothing if there is no config file of this kernel in /boot or /lib/modules.
  std::optional<bool> checks_kernels;  // CONFIG_KEXEC_SIG: it can verify a kernel at all
  bool insists_on_kernels = false;     // an unsigned kernel will be refused
  bool insists_on_modules = false;     // unsigned modules will be refused in the capture kernel
  std::string why;                     // in words, for the two above: "lockdown is integrity"

  // "lockdown is integrity, Secure Boot is on", "not locked down"
  [[nodiscard]] std::string describe() const;
};

SignatureRules read_signature_rules(const HostPaths& paths, const std::string& release);

// Refuses a kernel file that the running kernel (`release`) will refuse for lack of a signature: a
// load frees what was loaded before, and this is known beforehand.
Result<void> check_kernel_signature(const HostPaths& paths, const std::string& release,
                                    const std::string& kernel);

// Whether a kernel file carries a signature: in its PE header (x86, arm64), or appended as modules
// have it (ppc64le, s390x).
Result<bool> kernel_is_signed(const std::string& path);
bool holds_signature(Bytes kernel);

}  // namespace kdump
