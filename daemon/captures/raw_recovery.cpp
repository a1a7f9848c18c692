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
#include "initramfs/plan/block_device.h"
#include "initramfs/plan/manifest.h"
#include "initramfs/plan/raw_format.h"
#include "makedump/base/fd.h"
#include "makedump/compress/crc32.h"
#include "makedump/sink/checksum_sink.h"
#include "makedump/sink/unflatten.h"

namespace kdump {

namespace {

using Json = nlohmann::ordered_json;

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

// What is at the start of the device.
struct Found {
  bool plain = false;               // makedumpfile -F | dd, as RHEL's kdump saves it
  bool ours = false;                // a header of kdump-capture's …
  std::optional<RawHeader> header;  // … that is whole
  std::string problem;              // why none of its copies is
};

Result<uint64_t> device_size(const Fd& device, const std::string& path) {
  const off_t end = ::lseek(device.get(), 0, SEEK_END);
  if (end < 0 || ::lseek(device.get(), 0, SEEK_SET) != 0) return Error::from_errno(path);
  return static_cast<uint64_t>(end);
}

// Looks without opening it for writing, which udev would report as a change of the device.
Result<Found> look_at(const HostPaths& paths, const std::string& path) {
  KDUMP_TRY_ASSIGN(const Fd device, open_device(paths, path, O_RDONLY));
  KDUMP_TRY_ASSIGN(const uint64_t bytes, device_size(device, path));
  constexpr std::string_view kSignature = "makedumpfile";
  Found found;
  std::vector<std::byte> block(RawHeader::kEncodedSize);
  for (const uint64_t at : {uint64_t{0}, kRawBlock}) {
    KDUMP_TRY_ASSIGN(const size_t got, pread_some(device, block, FileOffset(at), path));
    const Bytes start = Bytes(block).first(got);
    if (at == 0) found.plain = as_text(start).starts_with(kSignature);
    if (found.plain) return found;
    auto header = decode_raw_header(start, bytes);
    if (header && (!found.header || found.header->sequence < header->sequence))
      found.header = std::move(*header);
    if (!header && header.error().code() == Errc::bad_input)
      found.problem = header.error().message();
    found.ours = found.ours || is_raw_header(start);
  }
  return found;
}

Result<void> clear(const Fd& device, const std::string& path, size_t length) {
  const std::vector<std::byte> zeros(length);
  KDUMP_TRY(pwrite_all(device, zeros, FileOffset(0), path));
  if (::fsync(device.get()) != 0) return Error::from_errno(path + ": fsync");
  return {};
}

// "2026-11-23-21:27", local time, as RHEL's kdump names it.
std::string name_by_time(time_t now) {
  tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 64> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%d-%H:%M", &local);
  return text.data();
}

Result<std::string> make_directory(const std::string& above, const std::string& name) {
  std::error_code failed;
  std::filesystem::create_directories(above, failed);
  if (failed) return Error::from_errno(above, failed.value());
  for (int attempt = 1; attempt < 100; ++attempt) {
    std::string path = above + "/" + name;
    if (attempt > 1) path += "-" + std::to_string(attempt);
    if (::mkdir(path.c_str(), 0700) == 0) return path;
    if (errno != EEXIST) return Error::from_errno(path);
  }
  return Error(Errc::exists, above + "/" + name + ": exists, a hundred times");
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
  Json dump = {{"bytes_written", sink.size()}};
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
  record.log_error = "makedumpfile -F | dd saves none";
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

Json parse_manifest(const std::string& text) {
  constexpr int kDeepest = 8;
  const auto not_too_deep = [](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    return depth <= kDeepest;
  };
  Json manifest = Json::parse(text, not_too_deep, false);
  return manifest.is_object() ? manifest : Json::object();
}

std::string manifest_crc(const std::string& text) {
  const Json manifest = parse_manifest(text);
  const auto crc = manifest.find("crc32");
  return crc != manifest.end() && crc->is_string() ? crc->get<std::string>() : "";
}

// It looks like a dump, and reading it again would give no more.
bool is_hopeless(Errc code) {
  return code == Errc::bad_input || code == Errc::not_found;
}

// One recovery from a device that holds a dump: this program alone has it.
class Recoverer {
 public:
  Recoverer(const HostPaths& paths, const Settings& settings, const Target& target,
            const std::string& path, const Fd& device)
      : paths_(paths), settings_(settings), target_(target), path_(path), device_(device) {}

  Result<RawRecovery> plain() {
    const time_t begun = ::time(nullptr);
    KDUMP_TRY(begin(name_by_time(begun)));
    const std::string output = directory() + "/vmcore";
    KDUMP_TRY_ASSIGN(const auto file, open_file_sink(output, {}));
    ChecksumSink sink(*file);
    auto dump = unflatten(device_, path_, sink);
    Result<void> saved = dump ? sink.commit() : Result<void>(dump.error());
    if (!saved && !is_hopeless(saved.error().code())) return give_back(std::move(saved).error());
    write_manifest(directory(), target_, saved ? "" : saved.error().message(), sink,
                   dump ? Bytes(dump->start) : Bytes(), begun);
    KDUMP_TRY(end(kCleared));
    if (!saved) return damaged(saved.error(), incomplete_name(output));
    return std::move(recovery_);
  }

  Result<RawRecovery> ours(const RawHeader& header) {
    KDUMP_TRY(begin(header.id));
    std::string manifest;
    for (const RawFile& file : header.files) {
      if (file.name == "vmcore" || file.name == incomplete_name("vmcore")) continue;  // a trap
      auto text = file.name == kManifestName ? &manifest : nullptr;
      if (auto copied = copy_file(file, text); !copied) return give_back(std::move(copied).error());
    }
    const std::string output = directory() + "/vmcore";
    std::string problem;
    if (header.dump != RawDump::none) {
      auto saved = copy_dump(header, manifest, output);
      if (!saved && !is_hopeless(saved.error().code())) return give_back(std::move(saved).error());
      if (!saved) problem = saved.error().message();
    }
    write_manifest_of(header, manifest, problem);
    KDUMP_TRY(end(kRawFilesAt));
    // That a dump was cut short while it was written is told by the capture itself.
    if (header.dump == RawDump::complete && !problem.empty())
      return damaged(Error(Errc::bad_input, problem), incomplete_name(output));
    return std::move(recovery_);
  }

 private:
  [[nodiscard]] const std::string& directory() const { return recovery_.directory; }

  Result<void> begin(const std::string& name) {
    if (const auto found = probe_block_device(path_); found && !found->type.empty())
      recovery_.warning = path_ + ": has the signature of a file system (" + found->type +
                          ") besides the dump; the start of the device is cleared";
    KDUMP_TRY_ASSIGN(recovery_.directory,
                     make_directory(recovery_directory(paths_, settings_), name));
    return {};
  }

  // What was saved is the only copy from here on, also what a damaged dump left behind.
  Result<void> end(size_t cleared) {
    KDUMP_TRY(sync_file_system(directory()));
    return clear(device_, path_, cleared);
  }

  // Nothing is kept, and it is tried again.
  Error give_back(Error error) {
    std::error_code ignored;
    std::filesystem::remove_all(directory(), ignored);
    return std::move(error).context("the dump on " + path_ +
                                    " stays there, and will be tried again");
  }

  [[nodiscard]] Error damaged(Error error, const std::string& left) const {
    return std::move(error).context("the dump on " + path_ + " is damaged; " + left +
                                    " holds what is left of it");
  }

  void warn(const std::string& text) {
    recovery_.warning += (recovery_.warning.empty() ? "" : "; ") + text;
  }

  // Under the incomplete name if its checksum is wrong. With `text`, it goes there if it is whole
  // and short enough, and to no file.
  Result<void> copy_file(const RawFile& file, std::string* text) {
    constexpr size_t kPart = size_t{1} << 20;
    const std::string output = directory() + "/" + file.name;
    if (text && file.size > kPart) return {};
    std::unique_ptr<Sink> sink;
    if (!text) {
      KDUMP_TRY_ASSIGN(sink, open_file_sink(output, {}));
    }
    std::vector<std::byte> part(std::min<uint64_t>(kPart, file.size));
    uint32_t crc = 0;
    for (uint64_t done = 0; done < file.size; done += part.size()) {
      part.resize(std::min<uint64_t>(part.size(), file.size - done));
      KDUMP_TRY_ASSIGN(const size_t got,
                       pread_some(device_, part, FileOffset(file.offset + done), path_));
      if (got < part.size()) return Error(Errc::io, path_ + ": ends within " + file.name);
      crc = crc32(crc, part);
      if (sink) KDUMP_TRY(sink->write_at(FileOffset(done), part));
    }
    if (crc != file.crc32) {
      warn(path_ + ": " + file.name + " is damaged (its checksum is wrong)");
      return {};
    }
    if (text) *text = as_text(part);
    return sink ? sink->commit() : Result<void>();
  }

  Result<void> copy_dump(const RawHeader& header, const std::string& manifest,
                         const std::string& output) {
    KDUMP_TRY_ASSIGN(const auto file, open_file_sink(output, {}));
    ChecksumSink sink(*file);
    if (::lseek(device_.get(), static_cast<off_t>(header.dump_at), SEEK_SET) < 0)
      return Error::from_errno(path_);
    const auto dump = unflatten(device_, path_, sink, header.dump_bytes);
    KDUMP_TRY(dump);
    if (header.dump != RawDump::complete)
      return Error(Errc::bad_input, path_ + ": the dump is cut short");
    const std::string told = manifest_crc(manifest);
    if (const auto crc = sink.crc32(); crc && !told.empty() && crc32_text(*crc) != told)
      return Error(Errc::bad_input,
                   path_ + ": the dump has not the checksum that it was saved with");
    return sink.commit();
  }

  // As it was written, with what came of it since.
  void write_manifest_of(const RawHeader& header, const std::string& text,
                         const std::string& problem) {
    auto manifest = parse_manifest(text);
    const bool has_log =
        std::any_of(header.files.begin(), header.files.end(),
                    [](const auto& file) { return file.name == "vmcore-dmesg.txt"; });
    const bool complete = header.dump == RawDump::complete && problem.empty();
    manifest["id"] = directory().substr(directory().rfind('/') + 1);
    manifest["state"] = complete                       ? "complete"
                        : header.dump != RawDump::none ? "incomplete"
                        : has_log                      ? "dmesg_only"
                                                       : "failed";
    if (complete) {
      manifest["error"] = "";
    } else if (!manifest.contains("error") || !manifest["error"].is_string() ||
               manifest["error"].get_ref<const std::string&>().empty()) {
      manifest["error"] = problem.empty() ? "the capture ended before the dump was saved" : problem;
    }
    if (!manifest["capture"].is_object()) manifest["capture"] = Json::object();
    manifest["capture"]["directory"] = directory();
    (void)publish_file(
        directory() + "/" + kManifestName,
        as_bytes(manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"), 0600);
  }

  const HostPaths& paths_;
  const Settings& settings_;
  const Target& target_;
  const std::string& path_;
  const Fd& device_;
  RawRecovery recovery_;
};

}  // namespace

Result<std::optional<RawRecovery>> recover_raw(const HostPaths& paths, const Settings& settings,
                                               const Target& target) {
  KDUMP_TRY_ASSIGN(const std::string path, device_of(paths, target));
  KDUMP_TRY_ASSIGN(const Found found, look_at(paths, path));
  if (!found.plain && !found.ours) return std::optional<RawRecovery>();
  // For this program alone: the kernel refuses what is mounted, or part of something else.
  KDUMP_TRY_ASSIGN(const Fd device, open_device(paths, path, O_RDWR | O_EXCL));
  if (!found.plain && !found.header) {
    KDUMP_TRY(clear(device, path, kRawFilesAt));
    return Error(Errc::bad_input,
                 path + ": " + found.problem + "; it cannot be recovered, and is not tried again");
  }
  Recoverer recoverer(paths, settings, target, path, device);
  KDUMP_TRY_ASSIGN(RawRecovery recovery,
                   found.plain ? recoverer.plain() : recoverer.ours(*found.header));
  return std::optional(std::move(recovery));
}

}  // namespace kdump
