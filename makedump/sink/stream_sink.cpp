#include "makedump/sink/stream_sink.h"

#include <algorithm>

#include "makedump/format/flattened.h"

namespace kdump {

namespace {

class StreamSink final : public Sink {
 public:
  StreamSink(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  Result<void> write_at(FileOffset at, Bytes bytes) override {
    if (bytes.empty()) return {};
    const auto end = checked_add(at.v, bytes.size());
    if (!end) return Error(Errc::internal, name_ + ": write at " + hex(at) + ": no such offset");
    KDUMP_TRY(begin());
    KDUMP_TRY(write_all(fd_, FlattenedPiece{at.v, bytes.size()}.encoded(), name_));
    KDUMP_TRY(write_all(fd_, bytes, name_));
    size_ = std::max(size_, *end);
    return {};
  }

  // The last byte is enough, and a zero until it is replaced.
  Result<void> extend_to(uint64_t bytes) override {
    if (bytes <= size_) return {};
    constexpr std::byte kZero{0};
    return write_at(FileOffset(bytes - 1), Bytes(&kZero, 1));
  }

  Result<void> commit() override {
    KDUMP_TRY(begin());
    return write_all(fd_, FlattenedPiece{FlattenedPiece::kEnd, FlattenedPiece::kEnd}.encoded(),
                     name_);
  }

  void discard() override {}

 private:
  Result<void> begin() {
    if (begun_) return {};
    begun_ = true;
    return write_all(fd_, encoded_flattened_header(), name_);
  }

  const Fd fd_;
  const std::string name_;
  uint64_t size_ = 0;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Sink> make_stream_sink(Fd fd, std::string name) {
  return std::make_unique<StreamSink>(std::move(fd), std::move(name));
}

}  // namespace kdump
