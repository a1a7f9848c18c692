#include "daemon/arm/kernel_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <vector>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

// Documentation/arch/x86/boot.rst, offsets in the file.
constexpr uint64_t kHeaderMagic = 0x202;    // "HdrS"
constexpr uint64_t kProtocol = 0x206;       // u16
constexpr uint64_t kKernelVersion = 0x20e;  // u16, pointer to text, less 0x200
constexpr uint64_t kXloadFlags = 0x236;     // u16
constexpr uint64_t kCmdlineSize = 0x238;    // u32
constexpr uint64_t kInitSize = 0x260;       // u32

constexpr uint16_t kOldestProtocol = 0x20c;
constexpr uint16_t kXlfKernel64 = 1 << 0;
constexpr uint16_t kXlfAbove4G = 1 << 1;

constexpr size_t kHeadBytes = 0x10000;  // the setup code holds the version text: 64 sectors at most

// "6.1.0-56-amd64 (debian-kernel@…) #1 SMP …": the first word is the release.
std::string release_in(Bytes head) {
  const auto pointer = load_at<uint16_t>(head, kKernelVersion);
  if (!pointer || *pointer == 0) return {};
  const uint64_t at = uint64_t{*pointer} + 0x200;
  if (at >= head.size()) return {};
  const std::string_view text = as_text(head.subspan(at));
  return std::string(text.substr(0, text.find_first_of(std::string_view(" \0", 2))));
}

}  // namespace

Result<KernelImage> check_bzimage(Bytes head, const std::string& path, const std::string& release) {
  const auto refuse = [&](const std::string& why) {
    return Error(Errc::bad_input, path + ": " + why);
  };
  if (head.size() < kInitSize + sizeof(uint32_t) ||
      as_text(head.subspan(kHeaderMagic, 4)) != "HdrS") {
    if (head.size() >= 2 && as_text(head.first(2)) == "MZ")
      return Error(Errc::unsupported,
                   path +
                       ": this is a unified kernel image, which cannot be started by kexec; "
                       "install the kernel's own vmlinuz beside it");
    return refuse("this is not a Linux kernel for x86 (no HdrS at 0x202)");
  }
  const auto protocol = load_at<uint16_t>(head, kProtocol).value_or(0);
  if (protocol < kOldestProtocol)
    return refuse("its boot protocol is " + hex(protocol) + ", older than 0x20c (2.12)");
  const auto flags = load_at<uint16_t>(head, kXloadFlags).value_or(0);
  if ((flags & kXlfKernel64) == 0 || (flags & kXlfAbove4G) == 0)
    return refuse("it has no 64-bit entry (xloadflags " + hex(flags) +
                  "), so kexec_file_load cannot start it");
  if (const std::string found = release_in(head); !found.empty() && found != release)
    return refuse("this is kernel " + found + ", not " + release +
                  ", and would not find its modules");
  KernelImage image;
  image.path = path;
  image.memory_bytes = load_at<uint32_t>(head, kInitSize).value_or(0);
  image.command_line_size = load_at<uint32_t>(head, kCmdlineSize).value_or(0);
  return image;
}

Result<KernelImage> find_kernel(const HostPaths& paths, const std::string& release,
                                const std::string& machine) {
  if (machine != "x86_64")
    return Error(Errc::unsupported, "arming machines of type " + machine +
                                        " is not supported by this version of kdumpd");
  const std::vector<std::string> candidates = {
      paths.boot() + "/vmlinuz-" + release,
      paths.modules(release) + "/vmlinuz",
  };
  for (const std::string& path : candidates) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
      if (fd.error().sys_errno() == ENOENT) continue;
      return std::move(fd).error();
    }
    std::vector<std::byte> head(kHeadBytes);
    KDUMP_TRY_ASSIGN(const size_t length, pread_some(*fd, head, FileOffset(0), path));
    KDUMP_TRY_ASSIGN(KernelImage image, check_bzimage(Bytes(head).first(length), path, release));
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return Error::from_errno(path);
    image.file_bytes = static_cast<uint64_t>(status.st_size);
    return image;
  }
  return Error(Errc::not_found, "no kernel file of the running kernel " + release + ": neither " +
                                    candidates[0] + " nor " + candidates[1] +
                                    " exists; was the kernel package removed or updated? Then "
                                    "reboot into an installed kernel");
}

}  // namespace kdump
