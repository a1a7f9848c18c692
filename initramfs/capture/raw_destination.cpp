// A target that is a bare block device: raw_format.h says what stands on it afterwards.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/capture/destination.h"
#include "initramfs/capture/wait_for_device.h"
#include "initramfs/plan/raw_format.h"
#include "makedump/base/fd.h"
#include "makedump/base/units.h"
#include "makedump/compress/crc32.h"

namespace kdump {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kQuickLimit{60};
constexpr size_t kBuffer = size_t{1} << 20;
// The header says how much of the dump is safe this often.
constexpr uint64_t kCheckpointBytes = uint64_t{64} << 20;
constexpr seconds kCheckpointTime{5};
// For small files: an eighth of the device at most.
constexpr uint64_t kMostForFiles = uint64_t{64} << 20;
constexpr uint64_t kSmallestDevice = uint64_t{1} << 20;
// The flattened form is longer than the dump: 16 bytes a piece, and pieces are large.
constexpr uint64_t kFlattenedShare = 512;

// Aligned as direct I/O wants it.
class Buffer {
 public:
  Buffer() : bytes_(static_cast<std::byte*>(std::aligned_alloc(kRawBlock, kBuffer))) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(bytes_); }

  [[nodiscard]] bool is_there() const { return bytes_ != nullptr; }
  [[nodiscard]] size_t used() const { return used_; }
  [[nodiscard]] size_t room() const { return kBuffer - used_; }
  void add(Bytes bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_ + used_);
    used_ += bytes.size();
  }
  // Whole blocks, zeros behind what is in it.
  [[nodiscard]] Bytes blocks() {
    const size_t whole = to_raw_block(used_);
    std::fill(bytes_ + used_, bytes_ + whole, std::byte{0});
    return {bytes_, whole};
  }
  void clear() { used_ = 0; }

 private:
  std::byte* bytes_;
  size_t used_ = 0;
};

// The device with the header that it has, or is about to get.
class RawDevice {
 public:
  Result<void> open(const std::string& path, const std::string& name) {
    name_ = name;
    // Past the page cache: a capture kernel has no memory for it. Not every driver can. With O_EXCL
    // the kernel refuses what is in use.
    auto opened = open_file(path, O_RDWR | O_EXCL | O_DIRECT);
    direct_ = opened.has_value();
    if (!opened && opened.error().sys_errno() == EINVAL) opened = open_file(path, O_RDWR | O_EXCL);
    if (!opened) return std::move(opened).error().context("opening " + name);
    fd_ = std::move(*opened);
    uint64_t bytes = 0;
    if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0) return Error::from_errno(name);
    if (bytes < kSmallestDevice)
      return Error(Errc::no_space, "raw target " + name + ": has " + human_bytes(bytes) +
                                       ", too small for any dump: name a larger device");
    header_.device_bytes = bytes / kRawBlock * kRawBlock;
    const uint64_t for_files = std::min(kMostForFiles, header_.device_bytes / 8);
    header_.dump_at = to_raw_block(kRawFilesAt + for_files);
    files_end_ = kRawFilesAt;
    return {};
  }

  RawHeader& header() { return header_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] uint64_t room() const { return header_.device_bytes - header_.dump_at; }
  [[nodiscard]] bool is_direct() const { return direct_; }

  // Both in whole blocks.
  Result<void> write(Bytes blocks, uint64_t at) {
    auto written = pwrite_all(fd_, blocks, FileOffset(at), name_);
    if (written || !direct_ || written.error().sys_errno() != EINVAL) return written;
    // Blocks of more than 4096 bytes: through the page cache, then.
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd_.get(), F_SETFL, flags & ~O_DIRECT) != 0)
      return Error::from_errno(name_);
    direct_ = false;
    return pwrite_all(fd_, blocks, FileOffset(at), name_);
  }

  Result<void> sync() {
    if (::fdatasync(fd_.get()) != 0) return Error::from_errno(name_ + ": sync");
    return {};
  }

  // The other copy of the header than the last time, after all that it speaks of.
  Result<void> write_header() {
    KDUMP_TRY(sync());
    ++header_.sequence;
    KDUMP_TRY_ASSIGN(const auto block, encode(header_));
    Buffer buffer;
    if (!buffer.is_there()) return Error(Errc::no_memory, name_ + ": no memory for its header");
    buffer.add(block);
    KDUMP_TRY(write(buffer.blocks(), header_.sequence % 2 * kRawBlock));
    return sync();
  }

  // Behind the other files: what a header that is whole points to is never overwritten.
  Result<void> write_file(const std::string& name, std::string_view text) {
    if (!is_raw_name(name) || name.size() >= RawFile::kNameSize)
      return Error(Errc::usage, name + ": no name for a file on a raw device");
    if (text.size() > header_.dump_at - files_end_)
      return Error(Errc::no_space, name_ + ": " + std::to_string(text.size()) + " bytes of " +
                                       name + " are more than its room for small files");
    const RawFile file{name, files_end_, text.size(), crc32(0, as_bytes(text))};
    Buffer buffer;
    if (!buffer.is_there()) return Error(Errc::no_memory, name_ + ": no memory for " + name);
    uint64_t at = files_end_;
    for (Bytes rest = as_bytes(text); !rest.empty();) {
      const Bytes part = rest.first(std::min(rest.size(), buffer.room()));
      buffer.add(part);
      KDUMP_TRY(write(buffer.blocks(), at));
      at += part.size();
      rest = rest.subspan(part.size());
      buffer.clear();
    }
    files_end_ = to_raw_block(at);
    std::erase_if(header_.files, [&](const RawFile& other) { return other.name == name; });
    header_.files.push_back(file);
    return write_header();
  }

 private:
  Fd fd_;
  std::string name_;
  bool direct_ = false;
  RawHeader header_;
  uint64_t files_end_ = 0;
};

class RawStream final : public DumpStream {
 public:
  explicit RawStream(RawDevice& device) : device_(device) {}
  RawStream(const RawStream&) = delete;
  RawStream& operator=(const RawStream&) = delete;
  // What was got so far stays, and is found again.
  ~RawStream() override {
    if (committed_ || device_.header().dump == RawDump::none) return;
    if (const auto told = flush(); !told) say_warning(told.error().message());
    if (const auto told = checkpoint(); !told) say_warning(told.error().message());
  }

  Result<void> begin() {
    if (!buffer_.is_there())
      return Error(Errc::no_memory, device_.name() + ": no memory for a buffer");
    if (device_.header().dump == RawDump::none) return {};
    // That of an earlier rung.
    device_.header().dump = RawDump::none;
    device_.header().dump_bytes = 0;
    return device_.write_header();
  }

  Result<void> write(Bytes bytes) override {
    if (device_.header().dump == RawDump::none) {
      device_.header().dump = RawDump::incomplete;
      last_checkpoint_ = steady_clock::now();
    }
    while (!bytes.empty()) {
      const Bytes part = bytes.first(std::min(bytes.size(), buffer_.room()));
      buffer_.add(part);
      bytes = bytes.subspan(part.size());
      if (buffer_.room() == 0) KDUMP_TRY(flush());
    }
    return {};
  }

  Result<void> commit() override {
    KDUMP_TRY(flush());
    device_.header().dump = RawDump::complete;
    KDUMP_TRY(checkpoint());
    committed_ = true;
    return {};
  }

  [[nodiscard]] uint64_t confirmed() const override { return written_; }

 private:
  Result<void> flush() {
    if (buffer_.used() == 0) return {};
    const Bytes blocks = buffer_.blocks();
    if (blocks.size() > device_.room() - written_) {
      buffer_.clear();
      return Error(Errc::no_space, "raw target " + device_.name() + ": full after " +
                                       human_bytes(written_) +
                                       " of the dump: name a larger device");
    }
    KDUMP_TRY(device_.write(blocks, device_.header().dump_at + written_));
    written_ += buffer_.used();
    buffer_.clear();
    // Where there is no direct I/O, dirty pages must not pile up.
    if (!device_.is_direct() && written_ % (4 * kBuffer) == 0) KDUMP_TRY(device_.sync());
    const auto now = steady_clock::now();
    if (written_ - checkpointed_ < kCheckpointBytes && now - last_checkpoint_ < kCheckpointTime)
      return {};
    last_checkpoint_ = now;
    return checkpoint();
  }

  Result<void> checkpoint() {
    device_.header().dump_bytes = checkpointed_ = written_;
    return device_.write_header();
  }

  RawDevice& device_;
  Buffer buffer_;
  // Bytes of the dump that the device has taken, and that its header speaks of.
  uint64_t written_ = 0, checkpointed_ = 0;
  steady_clock::time_point last_checkpoint_;
  bool committed_ = false;
};

class RawDestination final : public Destination {
 public:
  RawDestination(const TargetPlan& target, WorkerState& state) : target_(target), state_(state) {}

  Result<void> reach() override {
    KDUMP_TRY_ASSIGN(const std::string path, wait_for_device(target_.device, state_));
    state_.doing(("opening " + target_.device).c_str(), kQuickLimit);
    return device_.open(path, target_.device);
  }

  [[nodiscard]] std::string local_ip() const override { return "127.0.0.1"; }

  // A header without any file: what an earlier capture left is no part of this one.
  Result<std::string> make_directory(const std::string& name) override {
    state_.doing(("writing a header to " + target_.device).c_str(), kQuickLimit);
    device_.header().id = is_raw_name(name) ? name : "capture";
    // Both copies: the earlier one's may have the higher sequence.
    KDUMP_TRY(device_.write_header());
    KDUMP_TRY(device_.write_header());
    return std::string();
  }

  Result<std::optional<uint64_t>> room() override {
    return std::optional<uint64_t>(device_.room() - device_.room() / kFlattenedShare);
  }

  Result<void> publish(const std::string& name, std::string_view text) override {
    state_.doing(("writing " + name).c_str(), kQuickLimit);
    return device_.write_file(name, text);
  }

  [[nodiscard]] std::optional<std::string> path_of(const std::string& /*name*/) const override {
    return std::nullopt;
  }

  Result<std::unique_ptr<DumpStream>> open_stream() override {
    auto stream = std::make_unique<RawStream>(device_);
    KDUMP_TRY(stream->begin());
    return std::unique_ptr<DumpStream>(std::move(stream));
  }

  Result<void> leave() override {
    state_.doing(("syncing " + target_.device).c_str(), kQuickLimit);
    return device_.sync();
  }

 private:
  const TargetPlan& target_;
  WorkerState& state_;
  RawDevice device_;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_raw_destination(const TargetPlan& target,
                                                          WorkerState& state) {
  return std::unique_ptr<Destination>(std::make_unique<RawDestination>(target, state));
}

}  // namespace kdump
