#include "config/core_collector.h"

#include <charconv>
#include <optional>
#include <span>

#include "config/nearest.h"

namespace kdump {

namespace {

struct Option {
  std::string_view name;  // with its dashes
  bool takes_value = false;
  unsigned highest = 0;        // of a value
  std::string_view refused{};  // why this version does not take it; empty: it does
};

constexpr std::string_view kAddsItself = "the capture environment decides about it: leave it out";
constexpr std::string_view kNoFlattened =
    "dumps on a local file system are never flattened: leave it out";
constexpr std::string_view kNoElf =
    "dumps are written in the kdump-compressed format only: leave it out";
constexpr std::string_view kNoErase = "erasing data from a dump is not there yet";
constexpr std::string_view kNoSplit = "a dump is one file: use --num-threads to be faster";
constexpr std::string_view kNeedless = "it is not needed: leave it out";
constexpr std::string_view kNotHere = "it makes no sense in the capture environment";

// makedumpfile's whole command line, so that a known option is never taken for a typing error.
constexpr Option kOptions[] = {
    {"-c"},
    {"-l"},
    {"-p"},
    {"-z"},
    {"-d", true, 31},
    {"--message-level", true, 31},
    {"--num-threads", true, 4096},

    {"-f", false, 0, kAddsItself},
    {"-F", false, 0, kNoFlattened},
    {"-E", false, 0, kNoElf},
    {"-R", false, 0, kNotHere},
    {"-g", true, 0, kNotHere},
    {"-h", false, 0, kNotHere},
    {"-v", false, 0, kNotHere},
    {"-b", true, 0, kNeedless},
    {"-e", false, 0, "excluding unused vmemmap pages is not there yet"},
    {"-D", false, 0, "write '--message-level 15' for debug messages"},
    {"-L", true, 0, "limiting the size of a dump is not there yet"},
    {"-x", true, 0, kNeedless},
    {"-i", true, 0, kNeedless},
    {"-X", false, 0, "Xen dumps are not supported"},
    {"--split", false, 0, kNoSplit},
    {"--splitblock-size", true, 0, kNoSplit},
    {"--reassemble", false, 0, kNotHere},
    {"--cyclic-buffer", true, 0, "memory use is bounded by itself: leave it out"},
    {"--work-dir", true, 0, kNeedless},
    {"--non-mmap", false, 0, kNeedless},
    {"--config", true, 0, kNoErase},
    {"--eppic", true, 0, kNoErase},
    {"--extension", true, 0, kNoErase},
    {"--dump-dmesg", false, 0, "the kernel log is always saved, as vmcore-dmesg.txt: leave it out"},
    {"--partial-dmesg", false, 0, "the whole kernel log is saved: leave it out"},
    {"--mem-usage", false, 0, kNotHere},
    {"--show-stats", false, 0, "write '--message-level 16' for statistics"},
    {"--check-params", false, 0, kNotHere},
    {"--dry-run", false, 0, kNotHere},
    {"--vtop", true, 0, kNotHere},
    {"--xen-syms", true, 0, "Xen dumps are not supported"},
    {"--xen-vmcoreinfo", true, 0, "Xen dumps are not supported"},
    {"--xen_phys_start", true, 0, "Xen dumps are not supported"},
    {"--diskset", true, 0, "sadump files are not supported"},
};

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions)
    if (option.name == name) return &option;
  return nullptr;
}

std::vector<std::string> split_words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string> words;
  for (;;) {
    const size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

Error unknown_option(std::string_view name) {
  std::vector<std::string_view> known;
  if (name.starts_with("--"))  // one letter is never close to another
    for (const Option& option : kOptions)
      if (option.name.starts_with("--")) known.push_back(option.name);
  std::string what = "core_collector: makedump has no option " + quoted(name);
  if (const auto near = nearest_word(name, known)) what += "; did you mean " + quoted(*near) + "?";
  return {Errc::usage, std::move(what)};
}

Result<void> check_value(const Option& option, std::string_view value) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size() && number <= option.highest)
    return {};
  if (option.name == "-d" && value.find(',') != std::string_view::npos)
    return Error(Errc::unsupported,
                 "core_collector: more than one dump level (-d " + std::string(value) +
                     ") is not there yet: write the strictest one, for example '-d 31'");
  return Error(Errc::usage, "core_collector: " + std::string(option.name) +
                                " takes a number from 0 to " + std::to_string(option.highest) +
                                ", not " + quoted(value));
}

// Goes through the words after the program's name and writes them down in one way.
class OptionReader {
 public:
  OptionReader(std::span<const std::string> words, std::vector<std::string>& arguments)
      : words_(words), arguments_(arguments) {}

  Result<void> read_all() {
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (word.starts_with("--") && word.size() > 2) {
        KDUMP_TRY(read_long(word));
      } else if (word.starts_with("-") && word.size() > 1 && word[1] != '-') {
        KDUMP_TRY(read_letters(word.substr(1)));
      } else {
        return Error(Errc::usage, "core_collector: do not name files (" + quoted(word) +
                                      "): the dump's source and place are added at the crash");
      }
    }
    return {};
  }

 private:
  Result<void> read_long(std::string_view word) {  // --name value, --name=value
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    return accept(name, value);
  }

  Result<void> read_letters(std::string_view letters) {  // -c, -cd 31, -cd31
    while (!letters.empty()) {
      const std::string name = "-" + std::string(letters.substr(0, 1));
      letters.remove_prefix(1);
      const Option* option = find_option(name);
      std::optional<std::string_view> value;
      if (option != nullptr && option->takes_value && !letters.empty())
        value = std::exchange(letters, {});
      KDUMP_TRY(accept(name, value));
    }
    return {};
  }

  Result<void> accept(std::string_view name, std::optional<std::string_view> value) {
    const Option* option = find_option(name);
    if (option == nullptr) return unknown_option(name);
    if (!option->refused.empty())
      return Error(Errc::unsupported, "core_collector: makedump does not take " + quoted(name) +
                                          ": " + std::string(option->refused));
    arguments_.emplace_back(name);
    if (!option->takes_value) {
      if (value)
        return Error(Errc::usage, "core_collector: " + std::string(name) + " takes no value");
      return {};
    }
    if (!value) {
      if (next_ == words_.size())
        return Error(Errc::usage, "core_collector: " + std::string(name) + " needs a number");
      value = words_[next_++];
    }
    KDUMP_TRY(check_value(*option, *value));
    arguments_.emplace_back(*value);
    return {};
  }

  std::span<const std::string> words_;
  std::vector<std::string>& arguments_;
  size_t next_ = 0;
};

std::string_view base_name(std::string_view program) {
  return program.substr(program.rfind('/') + 1);
}

}  // namespace

Result<std::vector<std::string>> parse_core_collector(std::string_view line) {
  const std::vector<std::string> words = split_words(line);
  if (words.empty()) return Error(Errc::usage, "core_collector: no program is named");
  const std::string_view program = base_name(words.front());
  if (program == "scp")
    return Error(Errc::unsupported,
                 "core_collector: scp goes with an ssh target, which this version cannot do");
  if (program != "makedumpfile" && program != "makedump")
    return Error(Errc::unsupported,
                 "core_collector: only makedumpfile (this is makedump) can "
                 "write the dump, not " +
                     quoted(words.front()) + "; write '" + std::string(kDefaultCoreCollector) +
                     "'");
  std::vector<std::string> arguments{std::string(program)};
  KDUMP_TRY(OptionReader(std::span(words).subspan(1), arguments).read_all());
  return arguments;
}

}  // namespace kdump
