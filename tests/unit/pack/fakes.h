// A source and a sink in memory, with faults where a test wants them.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <map>

#include "makedump/sink/sink.h"
#include "makedump/source/source.h"

namespace kdump::test {

// Frames made from their numbers. Thread-safe as a Source has to be.
class FakeSource final : public Source {
 public:
  // Fills the frame's bytes, or fails.
  using Fill = std::function<Result<void>(Pfn, MutBytes)>;

  FakeSource(PageSize page_size, Fill fill) : page_size_(page_size), fill_(std::move(fill)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] uint16_t machine() const override { return 62; }
  [[nodiscard]] ByteOrder byte_order() const override { return ByteOrder::little; }
  [[nodiscard]] const std::vector<Segment>& segments() const override { return segments_; }
  [[nodiscard]] const std::vector<PhysRange>& ram() const override { return ram_; }
  [[nodiscard]] Bytes notes() const override { return {}; }
  [[nodiscard]] FileOffset notes_offset() const override { return {}; }
  [[nodiscard]] Result<std::unique_ptr<PageReader>> make_reader(size_t window) const override {
    smallest_window = std::min(smallest_window, window);
    if (++readers > readers_allowed) return Error(Errc::no_memory, "no more readers");
    return std::unique_ptr<PageReader>(std::make_unique<Reader>(page_size_, fill_));
  }

  unsigned readers_allowed = 1000;
  mutable unsigned readers = 0;
  mutable size_t smallest_window = SIZE_MAX;

 private:
  // Like a real one, it hands out a buffer that the next call overwrites.
  class Reader final : public PageReader {
   public:
    Reader(PageSize page_size, const Fill& fill)
        : page_size_(page_size), fill_(fill), buffer_(page_size.bytes()) {}
    Result<Bytes> view(PhysAddr addr, size_t size) override { return view_frame(addr, size); }
    Result<Bytes> view_frame(PhysAddr addr, size_t size) override {
      EXPECT_EQ(addr.v & page_size_.mask(), 0U);
      EXPECT_EQ(size, page_size_.bytes());
      std::fill(buffer_.begin(), buffer_.end(), std::byte{0});
      KDUMP_TRY(fill_(page_size_.pfn(addr), buffer_));
      return Bytes(buffer_);
    }

   private:
    PageSize page_size_;
    const Fill& fill_;
    std::vector<std::byte> buffer_;
  };

  std::string name_ = "fake vmcore";
  PageSize page_size_;
  Fill fill_;
  std::vector<Segment> segments_;
  std::vector<PhysRange> ram_;
};

class MemorySink final : public Sink {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  Result<void> write_at(FileOffset at, Bytes bytes) override {
    EXPECT_FALSE(busy_.exchange(true)) << "write_at() ran twice at a time";
    ++writes;
    Result<void> result;
    if (writes == fail_at_write || (stay_full && writes > fail_at_write))
      result = Error(Errc::no_space, name_ + ": write", ENOSPC);
    if (result) {
      if (content.size() < at.v + bytes.size()) content.resize(at.v + bytes.size());
      std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(at.v));
    }
    busy_ = false;
    return result;
  }
  Result<void> extend_to(uint64_t bytes) override {
    content.resize(std::max<size_t>(content.size(), bytes));
    return {};
  }
  Result<void> commit() override { return {}; }
  void discard() override {}

  std::vector<std::byte> content;
  uint64_t writes = 0;
  uint64_t fail_at_write = UINT64_MAX;
  bool stay_full = false;

 private:
  std::string name_ = "fake dump";
  std::atomic<bool> busy_{false};
};

}  // namespace kdump::test
