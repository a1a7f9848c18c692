#include "config/core_collector.h"

#include <optional>
#include <span>

#include "config/nearest.h"
#include "config/words.h"

namespace kdump {

namespace {

enum class Use {
  taken,
  dropped,  // harmless without: the dump is as good, so the host is armed and a warning says so
  refused,  // the dump would not be what was asked for
};

struct Option {
  std::string_view name;  // with its dashes
  bool takes_value = false;
  unsigned highest = 0;  // of a value that is a number
  Use use = Use::taken;
  std::string_view why{};  // it is dropped or refused
};

constexpr std::string_view kNoElf =
    "dumps are written in the kdump-compressed format only: leave it out";
constexpr std::string_view kNoErase = "erasing data from a dump is not there yet";
constexpr std::string_view kNoSplit = "a dump is one file: use --num-threads to be faster";
constexpr std::string_view kNeedless = "it is not needed";
constexpr std::string_view kNotHere = "it makes no sense in the capture environment";
constexpr std::string_view kNoXen = "Xen dumps are not supported";

// makedumpfile's whole command line, so that a known option is never taken for a typing error.
constexpr Option kOptions[] = {
    {"-c"},
    {"-l"},
    {"-p"},
    {"-z"},
    {"-d", true, 31},
    {"--message-level", true, 31},
    {"--num-threads", true, 4096},

    {"-F"},  // see CoreCollector::flattened
    {"-f", false, 0, Use::dropped, "a dump never meets another one of its name"},
    {"-b", true, 0, Use::dropped, kNeedless},
    {"-x", true, 0, Use::dropped, kNeedless},
    {"-i", true, 0, Use::dropped, kNeedless},
    {"-D", false, 0, Use::dropped, "write '--message-level 15' for debug messages"},
    {"--cyclic-buffer", true, 0, Use::dropped, "memory use is bounded by itself"},
    {"--work-dir", true, 0, Use::dropped, kNeedless},
    {"--non-mmap", false, 0, Use::dropped, kNeedless},
    {"--non-cyclic", false, 0, Use::dropped, kNeedless},
    {"--show-stats", false, 0, Use::dropped, "write '--message-level 16' for statistics"},

    {"-E", false, 0, Use::refused, kNoElf},
    {"-R", false, 0, Use::refused, kNotHere},
    {"-g", true, 0, Use::refused, kNotHere},
    {"-h", false, 0, Use::refused, kNotHere},
    {"-v", false, 0, Use::refused, kNotHere},
    {"-e", false, 0, Use::refused, "excluding unused vmemmap pages is not there yet"},
    {"-L", true, 0, Use::refused, "limiting the size of a dump is not there yet"},
    {"-X", false, 0, Use::refused, kNoXen},
    {"--split", false, 0, Use::refused, kNoSplit},
    {"--splitblock-size", true, 0, Use::refused, kNoSplit},
    {"--reassemble", false, 0, Use::refused, kNotHere},
    {"--config", true, 0, Use::refused, kNoErase},
    {"--eppic", true, 0, Use::refused, kNoErase},
    {"--extension", true, 0, Use::refused, kNoErase},
    {"--dump-dmesg", false, 0, Use::refused,
     "the kernel log is always saved, as vmcore-dmesg.txt: leave it out"},
    {"--partial-dmesg", false, 0, Use::refused, "the whole kernel log is saved: leave it out"},
    {"--mem-usage", false, 0, Use::refused, kNotHere},
    {"--check-params", false, 0, Use::refused, kNotHere},
    {"--dry-run", false, 0, Use::refused, kNotHere},
    {"--vtop", true, 0, Use::refused, kNotHere},
    {"--xen-syms", true, 0, Use::refused, kNoXen},
    {"--xen-vmcoreinfo", true, 0, Use::refused, kNoXen},
    {"--xen_phys_start", true, 0, Use::refused, kNoXen},
    {"--diskset", true, 0, Use::refused, "sadump files are not supported"},
};

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions)
    if (option.name == name) return &option;
  return nullptr;
}

Error unknown_option(std::string_view name) {
  std::vector<std::string_view> known;
  if (name.starts_with("--"))  // one letter is never close to another
    for (const Option& option : kOptions)
      if (option.name.starts_with("--")) known.push_back(option.name);
  std::string what = "core_collector: makedump has no option " + in_quotes(name);
  if (const auto near = nearest_word(name, known))
    what += "; did you mean " + in_quotes(*near) + "?";
  return {Errc::usage, std::move(what)};
}

Result<void> check_value(const Option& option, std::string_view value) {
  if (const auto number = parse_number(value); number && *number <= option.highest) return {};
  if (option.name == "-d" && value.find(',') != std::string_view::npos)
    return Error(Errc::unsupported,
                 "core_collector: more than one dump level (-d " + shown(value) +
                     ") is not there yet: write the strictest one, for example '-d 31'");
  return Error(Errc::usage, "core_collector: " + std::string(option.name) +
                                " takes a number from 0 to " + std::to_string(option.highest) +
                                ", not " + in_quotes(value));
}

// Goes through the words after the program's name and writes them down in one way.
class OptionReader {
 public:
  OptionReader(std::span<const std::string> words, CoreCollector& collector)
      : words_(words), collector_(collector) {}

  Result<void> read_all() {
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (word.starts_with("--") && word.size() > 2) {
        KDUMP_TRY(read_long(word));
      } else if (word.starts_with("-") && word.size() > 1 && word[1] != '-') {
        KDUMP_TRY(read_letters(word.substr(1)));
      } else {
        return Error(Errc::usage, "core_collector: do not name files (" + in_quotes(word) +
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
    if (option->use == Use::refused)
      return Error(Errc::unsupported, "core_collector: makedump does not take " + in_quotes(name) +
                                          ": " + std::string(option->why));
    if (value && !option->takes_value)
      return Error(Errc::usage, "core_collector: " + std::string(name) + " takes no value");
    if (option->takes_value && !value) {
      if (next_ == words_.size())
        return Error(Errc::usage, "core_collector: " + std::string(name) + " needs a " +
                                      (option->use == Use::taken ? "number" : "value"));
      value = words_[next_++];
    }
    if (option->use == Use::dropped) {
      collector_.warnings.push_back("core_collector: " + in_quotes(name) +
                                    " has no effect: " + std::string(option->why));
      return {};
    }
    if (name == "-F") {
      collector_.flattened = true;
      return {};
    }
    collector_.arguments.emplace_back(name);
    if (!option->takes_value) return {};
    KDUMP_TRY(check_value(*option, *value));
    collector_.arguments.emplace_back(*value);
    return {};
  }

  std::span<const std::string> words_;
  CoreCollector& collector_;
  size_t next_ = 0;
};

}  // namespace

bool CoreCollector::is_makedump() const {
  return arguments.front() == "makedumpfile" || arguments.front() == "makedump";
}

std::string_view program_name(std::string_view program) {
  return program.substr(program.rfind('/') + 1);
}

Result<CoreCollector> parse_core_collector(std::string_view line) {
  const std::vector<std::string> words = split_words(line);
  if (words.empty()) return Error(Errc::usage, "core_collector: no program is named");
  CoreCollector collector;
  const std::string_view program = program_name(words.front());
  if (program != "makedumpfile" && program != "makedump") {
    collector.arguments = words;
    return collector;
  }
  collector.arguments.emplace_back(program);
  KDUMP_TRY(OptionReader(std::span(words).subspan(1), collector).read_all());
  return collector;
}

}  // namespace kdump
