// A set of page frames within one window: a bitmap as the kdump-compressed format stores it (LSB
// first).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/units.h"

namespace kdump {

class PageSet {
 public:
  // Empty set over `window`, whose begin is a multiple of 64.
  explicit PageSet(PfnRange window) : window_(window), words_(div_round_up(window.size(), 64)) {}

  [[nodiscard]] PfnRange window() const { return window_; }
  [[nodiscard]] bool contains(Pfn pfn) const {
    const uint64_t i = pfn - window_.begin;
    return (words_[i / 64] >> (i % 64) & 1) != 0;
  }
  // Precondition: within the window.
  void insert(PfnRange range);
  // How many members that removed.
  uint64_t erase(PfnRange range);
  [[nodiscard]] uint64_t count() const;
  // The first member at or after `from`, or window().end.
  [[nodiscard]] Pfn next(Pfn from) const;
  // The on-disk bytes: bit n of byte n/8 is frame window().begin + n.
  [[nodiscard]] Bytes bytes() const;

 private:
  PfnRange window_;
  std::vector<uint64_t> words_;  // little-endian words, so that their bytes are the on-disk bitmap
};

}  // namespace kdump
