#include "makedump/filter/page_set.h"

namespace kdump {

static_assert(std::endian::native == std::endian::little,
              "PageSet::bytes() has to swap words on a big-endian host");

namespace {

// Bits [first, last) of one word; 0 ≤ first < last ≤ 64.
uint64_t bits(uint64_t first, uint64_t last) {
  return (~uint64_t{0} >> (64 - (last - first))) << first;
}

template <class Apply>
void for_each_word(std::vector<uint64_t>& words, uint64_t begin, uint64_t end, Apply apply) {
  while (begin < end) {
    const uint64_t word = begin / 64;
    const uint64_t stop = std::min(end, (word + 1) * 64);
    apply(words[word], bits(begin - word * 64, stop - word * 64));
    begin = stop;
  }
}

}  // namespace

void PageSet::insert(PfnRange range) {
  for_each_word(words_, range.begin - window_.begin, range.end - window_.begin,
                [](uint64_t& word, uint64_t mask) { word |= mask; });
}

uint64_t PageSet::erase(PfnRange range) {
  uint64_t removed = 0;
  for_each_word(words_, range.begin - window_.begin, range.end - window_.begin,
                [&removed](uint64_t& word, uint64_t mask) {
                  removed += static_cast<uint64_t>(std::popcount(word & mask));
                  word &= ~mask;
                });
  return removed;
}

uint64_t PageSet::count() const {
  uint64_t sum = 0;
  for (const uint64_t word : words_)
    sum += static_cast<uint64_t>(std::popcount(word));
  return sum;
}

Pfn PageSet::next(Pfn from) const {
  uint64_t i = from - window_.begin;
  if (i >= window_.size()) return window_.end;
  uint64_t word = words_[i / 64] >> (i % 64);
  if (word != 0) return from + static_cast<uint64_t>(std::countr_zero(word));
  for (i = i / 64 + 1; i < words_.size(); ++i) {
    word = words_[i];
    if (word != 0) return window_.begin + (i * 64 + static_cast<uint64_t>(std::countr_zero(word)));
  }
  return window_.end;
}

Bytes PageSet::bytes() const {
  return std::as_bytes(std::span(words_)).first(div_round_up(window_.size(), 8));
}

}  // namespace kdump
