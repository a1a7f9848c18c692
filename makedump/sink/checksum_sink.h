// A sink in front of another that sums up what passes, so that the dump's manifest can carry a
// CRC-32 of the whole file although its headers and tables are written around the page data.
#pragma once

#include <map>
#include <optional>

#include "makedump/sink/sink.h"

namespace kdump {

class ChecksumSink final : public Sink {
 public:
  // `sink` must outlive it.
  explicit ChecksumSink(Sink& sink) : sink_(sink) {}

  [[nodiscard]] const std::string& name() const override { return sink_.name(); }
  Result<void> write_at(FileOffset at, Bytes bytes) override;
  Result<void> extend_to(uint64_t bytes) override;
  Result<void> secure() override { return sink_.secure(); }
  Result<void> commit() override { return sink_.commit(); }
  void discard() override { sink_.discard(); }

  // Of the file as it is now, holes as the zeros they read as. Nothing when bytes were replaced in
  // another way than a whole stretch by one of the same place and length.
  [[nodiscard]] std::optional<uint32_t> crc32() const;
  // Bytes, as far as it was written or extended to.
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  struct Stretch {
    uint64_t length = 0;
    uint32_t crc = 0;
  };
  [[nodiscard]] bool add(uint64_t at, Bytes bytes);

  Sink& sink_;
  std::map<uint64_t, Stretch> stretches_;  // by offset; few: one for each place that grows
  uint64_t size_ = 0;
  bool known_ = true;
};

}  // namespace kdump
