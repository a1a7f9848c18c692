#include "daemon/captures/raw_recovery.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/captures/capture_text.h"
#include "daemon/captures/places.h"
#include "initramfs/block_device.h"
#include "initramfs/manifest.h"
#include "makedump/base/fd.h"
#include "makedump/compress/crc32.h"
#include "makedump/sink/checksum_sink.h"
#include "makedump/sink/unflatten.h"

namespace kdump {

namespace {

constexpr size_t kCleared = 512;  // bytes, as RHEL's kdump clears them

Result<std::string> device_of(const HostPaths& paths, const Target& target) {
  if (!paths.root.empty()) return paths.root + target.device;
  BlockDeviceSearch search(target.device);
  return search.find();
}

Result<Fd> open_device(const HostPaths& paths, const std::string& path, int flags) {
  KDUMP_TRY_ASSIGN(Fd fd, open_file(path, flags | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(path);
  const bool image = !paths.root.empty() && S_ISREG(status.st_mode);
  if (!S_ISBLK(status.st_mode) && !image)
    return Error(Errc::usage, path + ": is not a block device");
  return fd;
}

// Looks without opening it for writing, which udev would report as a change of the device.
Result<bool> holds_dump(const HostPaths& paths, const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd device, open_device(paths, path, O_RDONLY));
  constexpr std::string_view kSignature = "makedumpfile";
  std::array<std::byte, kSignature.size()> start{};
  KDUMP_TRY_ASSIGN(const size_t got, pread_some(device, start, FileOffset(0), path));
  return got == start.size() && as_text(start) == kSignature;
}

Result<void> clear(const Fd& device, const std::string& path) {
  const std::array<std::byte, kCleared> zeros{};
  KDUMP_TRY(pwrite_all(device, zeros, FileOffset(0), path));
  if (::fsync(device.get()) != 0) return Error::from_errno(path + ": fsync");
  return {};
}

// "2026-11-23-21:27", local time, as RHEL's kdump names it.
Result<std::string> make_directory(const std::string& above, time_t now) {
  std::error_code failed;
  std::filesystem::create_directories(above, failed);
  if (failed) return Error::from_errno(above, failed.value());
  tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 64> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%d-%H:%M", &local);
  for (int attempt = 1; attempt < 100; ++attempt) {
    std::string path = above + "/" + text.data();
    if (attempt > 1) path += "-" + std::to_string(attempt);
    if (::mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) return Error::from_errno(path);
  }
  return Error(Errc::exists, above + "/" + text.data() + ": exists, a hundred times");
}

// The release in the dump's header: the third of the six names of 65 bytes behind signature and
// version, of kdump-compressed dumps.
std::string release_in(Bytes start) {
  constexpr size_t kAt = 12 + size_t{2} * 65, kLength = 64;
  if (start.size() < kAt + kLength || !as_text(start).starts_with("KDUMP   ")) return "";
  const std::string_view text = as_text(start.subspan(kAt, kLength));
  return printable(text.substr(0, text.find('\0')), kLength);
}

void write_manifest(const std::string& directory, const Target& target, const std::string& error,
                    const ChecksumSink& sink, Bytes start, int64_t begun) {
  nlohmann::ordered_json dump = {{"bytes_written", sink.size()}};
  if (const auto crc = sink.crc32()) dump["crc32"] = crc32_text(*crc);
  if (const std::string release = release_in(start); !release.empty())
    dump["kernel"] = {{"release", release}};
  utsname names{};
  (void)::uname(&names);
  CaptureRecord record;
  record.id = directory.substr(directory.rfind('/') + 1);
  record.directory = directory;
  record.state = error.empty() ? "complete" : "incomplete";
  record.error = error;
  record.log_error = "raw targets have no room for it";
  record.hostname = names.nodename;
  record.target = target.describe();
  record.begun = begun;
  record.ended = ::time(nullptr);
  // The dump is there without it.
  (void)publish_file(directory + "/" + kManifestName,
                     as_bytes(complete_manifest({dump.dump()}, record)), 0600);
}

Result<void> sync_file_system(const std::string& directory) {
  KDUMP_TRY_ASSIGN(const Fd fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  if (::syncfs(fd.get()) != 0) return Error::from_errno(directory + ": syncfs");
  return {};
}

// It looks like a dump, and reading it again would give no more.
bool is_hopeless(Errc code) {
  return code == Errc::bad_input || code == Errc::not_found;
}

}  // namespace

Result<std::optional<RawRecovery>> recover_raw(const HostPaths& paths, const Settings& settings,
                                               const Target& target) {
  KDUMP_TRY_ASSIGN(const std::string path, device_of(paths, target));
  KDUMP_TRY_ASSIGN(const bool there, holds_dump(paths, path));
  if (!there) return std::optional<RawRecovery>();
  // For this program alone: the kernel refuses what is mounted, or part of something else.
  KDUMP_TRY_ASSIGN(const Fd device, open_device(paths, path, O_RDWR | O_EXCL));

  RawRecovery recovery;
  if (const auto found = probe_block_device(path); found && !found->type.empty())
    recovery.warning = path + ": has the signature of a file system (" + found->type +
                       ") besides the dump; the start of the device is cleared";
  const time_t begun = ::time(nullptr);
  KDUMP_TRY_ASSIGN(recovery.directory, make_directory(recovery_directory(paths, settings), begun));
  const std::string output = recovery.directory + "/vmcore";
  KDUMP_TRY_ASSIGN(const auto file, open_file_sink(output, {}));
  ChecksumSink sink(*file);

  auto dump = unflatten(device, path, sink);
  Result<void> saved = dump ? sink.commit() : Result<void>(dump.error());
  if (!saved && !is_hopeless(saved.error().code())) {
    sink.discard();
    (void)::rmdir(recovery.directory.c_str());
    return std::move(saved).error().context("the dump on " + path +
                                            " stays there, and will be tried again");
  }
  write_manifest(recovery.directory, target, saved ? "" : saved.error().message(), sink,
                 dump ? Bytes(dump->start) : Bytes(), begun);
  // What a damaged dump left behind is not synced yet, and from here on it is the only copy.
  KDUMP_TRY(sync_file_system(recovery.directory));
  KDUMP_TRY(clear(device, path));
  if (!saved)
    return std::move(saved).error().context("the dump on " + path + " is damaged; " +
                                            incomplete_name(output) + " holds what is left of it");
  return std::optional(std::move(recovery));
}

}  // namespace kdump
