#include "daemon/crashkernel/parameter.h"

#include <array>
#include <charconv>
#include <limits>

#include "config/command_line.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

constexpr std::string_view kName = "crashkernel=";
// The kernel rounds the memory up to this before it looks for a range: firmware takes a little of
// what was bought.
constexpr uint64_t kRamGranule = uint64_t{128} << 20;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<CrashkernelValue> parse() {
    if (text_ == "auto") return CrashkernelValue{};
    CrashkernelValue value;
    // As the kernel: a colon makes it ranges.
    value.by_ranges = text_.find(':') != std::string_view::npos;
    if (value.by_ranges) {
      KDUMP_TRY(parse_ranges(value));
    } else {
      KDUMP_TRY_ASSIGN(const uint64_t size, number("a size, such as 256M"));
      if (size == 0 && !rest().starts_with(",low"))  // 0,low: none, with ,high
        return wrong_at(0, "nothing would be reserved");
      value.ranges = {{0, std::nullopt, size}};
    }
    KDUMP_TRY(parse_end(value));
    return value;
  }

 private:
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

  [[nodiscard]] Error wrong_at(size_t at, const std::string& what) const {
    return {Errc::usage, std::string(kName) + std::string(text_) + ": character " +
                             std::to_string(at + 1) + ": " + what};
  }
  [[nodiscard]] Error wrong(const std::string& what) const { return wrong_at(at_, what); }

  bool take(char c) {
    if (!rest().starts_with(c)) return false;
    ++at_;
    return true;
  }

  // memparse(): decimal, 0x… or 0…, and a letter from K to E.
  Result<uint64_t> number(const std::string& expected) {
    int base = 10;
    size_t skip = 0;
    if (rest().starts_with("0x") || rest().starts_with("0X")) {
      base = 16;
      skip = 2;
    } else if (rest().size() > 1 && rest()[0] == '0' && rest()[1] >= '0' && rest()[1] <= '7') {
      base = 8;
    }
    uint64_t value = 0;
    const size_t start = at_;
    const char* first = text_.data() + at_ + skip;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value, base);
    if (error == std::errc::result_out_of_range) return wrong("a number that is too large");
    if (error != std::errc()) return wrong("expected " + expected);
    at_ = static_cast<size_t>(end - text_.data());
    constexpr std::string_view kUnits = "KMGTPE";
    if (at_ < text_.size()) {
      const char letter = static_cast<char>(text_[at_] & ~0x20);
      const size_t unit = kUnits.find(letter);
      if (unit != std::string_view::npos) {
        const auto scaled = checked_mul(value, uint64_t{1} << (10 * (unit + 1)));
        if (!scaled) return wrong_at(start, "a number that is too large");
        value = *scaled;
        ++at_;
      }
    }
    return value;
  }

  Result<void> parse_ranges(CrashkernelValue& value) {
    do {
      CrashkernelRange range;
      const size_t start = at_;
      KDUMP_TRY_ASSIGN(range.begin, number("the begin of a range, such as 4G-64G:256M"));
      if (!take('-')) return wrong("expected '-' between begin and end of a range");
      if (!rest().starts_with(':')) {
        KDUMP_TRY_ASSIGN(range.end, number("the end of a range, or ':' for one without an end"));
        if (*range.end <= range.begin) return wrong_at(start, "this range ends before it begins");
      }
      if (!take(':')) return wrong("expected ':' and the size for this range");
      const size_t at_size = at_;
      KDUMP_TRY_ASSIGN(range.size, number("the size for this range"));
      if (range.end && range.size >= *range.end)
        return wrong_at(at_size, "more than a machine of this range has");
      value.ranges.push_back(range);
    } while (take(','));
    return {};
  }

  Result<void> parse_end(CrashkernelValue& value) {
    if (!value.by_ranges && take(',')) {
      struct Word {
        std::string_view word;
        CrashkernelValue::Place place;
      };
      for (const Word& known :
           {Word{"high", CrashkernelValue::Place::high}, Word{"low", CrashkernelValue::Place::low},
            Word{"cma", CrashkernelValue::Place::cma}})
        if (rest() == known.word) {
          value.place = known.place;
          return {};
        }
      return wrong("expected high, low or cma");
    }
    if (take('@')) {
      KDUMP_TRY_ASSIGN(value.offset, number("an address"));
    }
    if (!rest().empty()) return wrong("'" + std::string(rest()) + "' does not belong here");
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string_view suffix_of(CrashkernelValue::Place place) {
  switch (place) {
    case CrashkernelValue::Place::any:
      return "";
    case CrashkernelValue::Place::high:
      return ",high";
    case CrashkernelValue::Place::low:
      return ",low";
    case CrashkernelValue::Place::cma:
      return ",cma";
  }
  return "";
}

// RHEL 8's kernels, x86_64 and s390x; other architectures differ.
constexpr std::string_view kAutomatic = "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M";

}  // namespace

Result<CrashkernelValue> parse_crashkernel(std::string_view value) {
  return Parser(value).parse();
}

std::string crashkernel_size(uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {"", "K", "M", "G", "T", "P", "E"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes).append(kUnits[unit]);
}

std::string to_string(const CrashkernelValue& value) {
  if (value.automatic()) return "auto";
  std::string text;
  for (const CrashkernelRange& range : value.ranges) {
    if (!text.empty()) text += ',';
    if (value.by_ranges)
      text += crashkernel_size(range.begin) + "-" +
              (range.end ? crashkernel_size(*range.end) : std::string()) + ":";
    text += crashkernel_size(range.size);
  }
  text += suffix_of(value.place);
  if (value.offset) text += "@" + crashkernel_size(*value.offset);
  return text;
}

std::optional<uint64_t> reservation(const CrashkernelValue& value, uint64_t ram) {
  if (value.automatic()) return std::nullopt;
  uint64_t measured = ram;
  if (value.by_ranges && ram <= std::numeric_limits<uint64_t>::max() - kRamGranule)
    measured = align_up(ram, kRamGranule);
  for (const CrashkernelRange& range : value.ranges)
    if (measured >= range.begin && (!range.end || measured < *range.end)) return range.size;
  return 0;
}

std::vector<std::string> crashkernel_values(std::string_view command_line) {
  std::vector<std::string> values;
  for (const std::string& parameter : split_parameters(command_line))
    if (parameter.starts_with(kName)) values.push_back(parameter.substr(kName.size()));
  return values;
}

Result<Reservation> reservation_of(const std::vector<std::string>& values, uint64_t ram) {
  std::optional<uint64_t> plain;
  uint64_t high = 0;
  Reservation total;
  for (const std::string& text : values) {
    KDUMP_TRY_ASSIGN(CrashkernelValue value, parse_crashkernel(text));
    if (value.automatic()) {
      KDUMP_TRY_ASSIGN(value, parse_crashkernel(kAutomatic));
    }
    const uint64_t bytes = reservation(value, ram).value_or(0);
    if (bytes >= ram && bytes != 0)
      return Error(Errc::usage, std::string(kName) + text + ": " + human_bytes(bytes) +
                                    " of a machine that has " + human_bytes(ram) +
                                    ": the kernel reserves nothing then");
    switch (value.place) {
      case CrashkernelValue::Place::any:
        plain = bytes;
        break;
      case CrashkernelValue::Place::high:
        high = bytes;
        break;
      case CrashkernelValue::Place::low:
        total.low = bytes;
        break;
      case CrashkernelValue::Place::cma:
        total.cma = bytes;
        break;
    }
  }
  total.main = plain.value_or(high);
  if (plain || high == 0) total.low = 0;  // `low` goes with `high` only
  return total;
}

}  // namespace kdump
