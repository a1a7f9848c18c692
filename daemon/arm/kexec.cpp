#include "daemon/arm/kexec.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "daemon/arm/kexec_busy.h"
#include "initramfs/image/digest.h"
#include "initramfs/image/image_record.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

// include/uapi/linux/kexec.h; spelled here because the header of an old build host lacks some.
constexpr unsigned long kUnload = 0x1;   // KEXEC_FILE_UNLOAD
constexpr unsigned long kOnCrash = 0x2;  // KEXEC_FILE_ON_CRASH

// "none" in brackets, or no such file: not locked down.
bool locked_down(const HostPaths& paths) {
  const auto text = read_text_file(paths.lockdown());
  return text && text->find("[none]") == std::string::npos;
}

Error explain_no_room(const HostPaths& paths, const CrashImage& image) {
  const auto reserved = reserved_bytes(paths);
  if (reserved && *reserved == 0)
    return {Errc::no_memory,
            "No memory reserved for crash kernel: boot with crashkernel=, for example "
            "crashkernel=256M"};
  return {Errc::no_memory, "kernel " + image.kernel + " and capture image " + image.initrd +
                               " do not fit into the memory reserved for the crash kernel" +
                               (reserved ? " (" + human_bytes(*reserved) + ")" : std::string()) +
                               ": boot with a larger crashkernel="};
}

Error explain_not_permitted(const HostPaths& paths) {
  if (auto allowed = check_loading_allowed(paths); !allowed) return std::move(allowed).error();
  if (locked_down(paths))
    return {Errc::io,
            "the kernel is locked down (Secure Boot) and takes only a kernel with a signature that "
            "it trusts: use the distribution's own kernel, see dmesg",
            EPERM};
  return {Errc::io, "loading a crash kernel needs root (CAP_SYS_BOOT)", EPERM};
}

Error explain(const HostPaths& paths, const CrashImage& image, int error) {
  constexpr int kENotSupp = 524;  // the kernel's own ENOTSUPP, which strerror does not know
  switch (error) {
    case ENOSYS:
      return {Errc::unsupported,
              "this kernel has no kexec_file_load: it is built without CONFIG_KEXEC_FILE", error};
    case EPERM:
      return explain_not_permitted(paths);
    case EBUSY:
      return {Errc::io, "the kernel stays busy with another kexec operation", error};
    case EADDRNOTAVAIL:
      return explain_no_room(paths, image);
    case ENOMEM:
      return {Errc::no_memory,
              "the kernel found no memory to load the crash kernel: boot with a larger "
              "crashkernel=, or free memory",
              error};
    case ENOEXEC:
      return {Errc::bad_input,
              image.kernel +
                  ": the running kernel does not know this as a kernel it can start "
                  "(64-bit bzImage, boot protocol 2.12 or later)",
              error};
    case EINVAL:
      return {Errc::bad_input,
              "the kernel refuses kernel, image or command line: the image (" + image.initrd +
                  ") is larger than half of the memory, or the command line too long",
              error};
    case ETXTBSY:
      return {Errc::io, image.kernel + " or " + image.initrd + " is being written", error};
    case EFBIG:
      return {Errc::bad_input, image.kernel + " or " + image.initrd + " is larger than 4 GiB",
              error};
    case ENODATA:
      return {Errc::bad_input, image.kernel + " is not signed, and this kernel loads only what is",
              error};
    case ENOKEY:
      return {Errc::bad_input,
              image.kernel +
                  " is signed with a key that this kernel does not know: enrol the key (mokutil "
                  "--import), or install the distribution's own kernel package again",
              error};
    case EKEYREJECTED:
    case ELIBBAD:
    case EMSGSIZE:
    case ENOPKG:
    case EBADMSG:
      return {Errc::bad_input,
              image.kernel +
                  ": its signature does not fit (see dmesg): the file was "
                  "changed or is damaged: install the distribution's own kernel "
                  "package again",
              error};
    case kENotSupp:
      return {Errc::bad_input, image.kernel + ": its signature cannot be verified on this machine"};
    default:
      return Error::from_errno("kexec_file_load", error);
  }
}

int call_patiently(const std::function<int()>& call) {
  for (int tries = 1;; ++tries) {
    const int error = call();
    if (error != EBUSY || tries == kBusyTries) return error;
    std::this_thread::sleep_for(kBusyPause);
  }
}

}  // namespace

int kernel_kexec_file_load(int kernel_fd, int initrd_fd, const std::string& command_line,
                           unsigned long flags) {
  // The length counts the NUL; without a command line both are nothing.
  const bool unloads = (flags & kUnload) != 0;
  const unsigned long length = unloads ? 0 : command_line.size() + 1;
  const char* text = unloads ? nullptr : command_line.c_str();
  return ::syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, length, text, flags) == 0 ? 0 : errno;
}

Result<GivenImage> load_crash_image(const HostPaths& paths, const KexecFileLoad& kexec_file_load,
                                    const CrashImage& image) {
  KDUMP_TRY_ASSIGN(const Fd kernel, open_file(image.kernel, O_RDONLY));
  KDUMP_TRY_ASSIGN(const Fd initrd, open_file(image.initrd, O_RDONLY));
  // Through the descriptors that the kernel gets: what was checked is what is loaded.
  KDUMP_TRY_ASSIGN(FileDigest kernel_content, file_digest(kernel, image.kernel));
  if (!image.kernel_digest.empty() && image.kernel_digest != kernel_content.digest)
    return Error(Errc::bad_input, image.kernel + ": is not the kernel that was loaded before");
  KDUMP_TRY_ASSIGN(VerifiedImage verified, verify_image(initrd, image.initrd));
  if (!image.initrd_digest.empty() && image.initrd_digest != verified.digest)
    return Error(Errc::bad_input, image.initrd + ": is not the image that was loaded before");
  const int error = call_patiently(
      [&] { return kexec_file_load(kernel.get(), initrd.get(), image.command_line, kOnCrash); });
  if (error != 0) return explain(paths, image, error);
  return GivenImage{std::move(kernel_content.digest), std::move(verified.digest)};
}

Result<void> unload_crash_image(const HostPaths& paths, const KexecFileLoad& kexec_file_load) {
  const int error = call_patiently([&] { return kexec_file_load(-1, -1, "", kUnload | kOnCrash); });
  if (error == EPERM) return explain_not_permitted(paths).context("unloading the crash kernel");
  if (error != 0) return Error::from_errno("unloading the crash kernel", error);
  return {};
}

}  // namespace kdump
