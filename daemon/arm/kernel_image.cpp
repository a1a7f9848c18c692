#include "daemon/arm/kernel_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "config/sysconfig.h"
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

// In the order in which they are looked at. Below /boot, kernel-install puts kernels into folders
// named by the machine.
std::vector<std::string> candidates_for(const HostPaths& paths, const std::string& release,
                                        const Sysconfig& places) {
  const std::string file = places.image + "-" + release + places.image_extension;
  if (!places.boot_directory.empty()) return {paths.root + places.boot_directory + "/" + file};
  std::string machine_id;
  if (auto text = read_text_file(paths.machine_id()))
    machine_id = text->substr(0, text->find('\n'));
  std::vector<std::string> candidates;
  for (const std::string& directory : paths.boot_directories()) {
    candidates.push_back(directory + "/" + file);
    if (machine_id.empty()) continue;
    const std::string own = directory + "/" + machine_id + "/" + release + "/";
    candidates.push_back(own + places.image);
    candidates.push_back(own + "linux");
  }
  candidates.push_back(paths.modules(release) + "/" + places.image);
  return candidates;
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
                                const std::string& machine, const Sysconfig& places) {
  if (machine != "x86_64")
    return Error(Errc::unsupported, "arming machines of type " + machine +
                                        " is not supported by this version of kdumpd");
  const std::vector<std::string> candidates = candidates_for(paths, release, places);
  for (const std::string& path : candidates) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
      if (fd.error().sys_errno() == ENOENT || fd.error().sys_errno() == ENOTDIR) continue;
      return std::move(fd).error();
    }
    std::vector<std::byte> head(kHeadBytes);
    KDUMP_TRY_ASSIGN(const size_t length, pread_some(*fd, head, FileOffset(0), path));
    KDUMP_TRY_ASSIGN(KernelImage image, check_bzimage(Bytes(head).first(length), path, release));
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return Error::from_errno(path);
    image.release = release;
    image.file_bytes = static_cast<uint64_t>(status.st_size);
    return image;
  }
  std::string looked;
  for (const std::string& path : candidates)
    looked += (looked.empty() ? "" : ", ") + path;
  return Error(Errc::not_found, "no kernel file of kernel " + release + " (looked for " + looked +
                                    "): was its package removed or updated? Then reboot into an "
                                    "installed kernel");
}

Result<KernelImage> choose_kernel(const Host& host, const Sysconfig& sysconfig) {
  if (!sysconfig.kernel_release.empty()) {
    auto kernel = find_kernel(host.paths, sysconfig.kernel_release, host.machine, sysconfig);
    if (!kernel)
      return std::move(kernel).error().context(host.paths.sysconfig() + ": KDUMP_KERNELVER");
    return kernel;
  }
  constexpr std::string_view kDebug = "+debug";
  if (host.release.ends_with(kDebug)) {
    const std::string plain = host.release.substr(0, host.release.size() - kDebug.size());
    auto kernel = find_kernel(host.paths, plain, host.machine, sysconfig);
    if (kernel && ::access(host.paths.modules(plain).c_str(), F_OK) == 0) return kernel;
  }
  return find_kernel(host.paths, host.release, host.machine, sysconfig);
}

Result<KernelImage> configured_kernel(const Host& host) {
  KDUMP_TRY_ASSIGN(const Sysconfig sysconfig, load_sysconfig(host.paths.sysconfig()));
  return choose_kernel(host, sysconfig);
}

std::string configured_release(const Host& host) {
  const auto kernel = configured_kernel(host);
  return kernel ? kernel->release : host.release;
}

}  // namespace kdump
