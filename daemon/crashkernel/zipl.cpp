// s390x without loader entries: /etc/zipl.conf, which zipl writes into the boot record.
#include <algorithm>
#include <unistd.h>

#include "daemon/crashkernel/bootloader.h"
#include "daemon/crashkernel/edit_file.h"
#include "daemon/host/program.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr std::chrono::minutes kLimit{2};
constexpr std::string_view kBlanks = " \t";

struct Line {
  size_t begin, end;            // in the text
  std::string_view key, value;  // of "key = value"; for "[name]" the key is "["
};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    Line parsed{at, end, {}, {}};
    if (line.starts_with('[') && line.ends_with(']')) {
      parsed.key = "[";
      parsed.value = line.substr(1, line.size() - 2);
    } else if (const size_t equals = line.find('=');
               equals != std::string_view::npos && !line.starts_with('#')) {
      parsed.key = trimmed(line.substr(0, equals));
      parsed.value = trimmed(line.substr(equals + 1));
    }
    lines.push_back(parsed);
    at = end + 1;
  }
  return lines;
}

std::string_view inside_quotes(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
      value.back() == value.front())
    return value.substr(1, value.size() - 2);
  return value;
}

class Zipl final : public Bootloader {
 public:
  explicit Zipl(HostPaths paths) : paths_(std::move(paths)) {}

  [[nodiscard]] std::string name() const override { return "zipl by " + paths_.zipl_conf(); }

  [[nodiscard]] Result<std::vector<BootEntry>> entries() const override {
    KDUMP_TRY_ASSIGN(const std::string text, read_text_file(paths_.zipl_conf()));
    std::vector<BootEntry> found = parse(text);
    if (found.empty())
      return Error(Errc::unsupported,
                   paths_.zipl_conf() + ": no section with image= and parameters= was found");
    return found;
  }

  Result<void> change(const std::vector<BootEntry>& which, const std::vector<ParameterEdit>& edits,
                      bool /*future_too*/) override {
    KDUMP_TRY_ASSIGN(const std::string before, read_text_file(paths_.zipl_conf()));
    std::string text = before, section;
    for (const Line& line : lines_of(before)) {
      if (line.key == "[") section = line.value;
      if (line.key != "parameters") continue;
      const bool chosen = std::any_of(which.begin(), which.end(),
                                      [&](const BootEntry& entry) { return entry.id == section; });
      if (!chosen) continue;
      const std::string_view old = inside_quotes(line.value);
      // Positions from the end stay as they are while the text grows.
      const auto offset = static_cast<size_t>(old.data() - before.data());
      const size_t from_end = before.size() - offset;
      std::string edited = edit_parameters(old, edits);
      if (old.size() == line.value.size()) edited = "\"" + edited + "\"";
      text.replace(text.size() - from_end, old.size(), edited);
    }
    KDUMP_TRY(replace_text_file(paths_.zipl_conf(), text));
    auto written = run_program_or_fail(paths_, {"zipl"}, kLimit);
    if (written) return {};
    (void)replace_text_file(paths_.zipl_conf(), before);
    return std::move(written).error();
  }

  [[nodiscard]] std::vector<std::string> what_changes() const override {
    return {paths_.zipl_conf(), "zipl"};
  }

 private:
  [[nodiscard]] std::vector<BootEntry> parse(std::string_view text) const {
    std::vector<BootEntry> found;
    std::string default_section;
    size_t number = 0;
    for (const Line& line : lines_of(text)) {
      ++number;
      if (line.key == "default" && default_section.empty()) default_section = line.value;
      if (line.key == "[") {
        found.emplace_back();
        found.back().id = found.back().title = line.value;
      }
      if (found.empty()) continue;
      BootEntry& entry = found.back();
      if (line.key == "image") {
        entry.kernel = inside_quotes(line.value);
        entry.kernel.resize(std::min(entry.kernel.find(','), entry.kernel.size()));  // its address
        entry.release = release_of_kernel(entry.kernel);
      }
      if (line.key == "parameters") {
        entry.options = inside_quotes(line.value);
        entry.where = paths_.zipl_conf() + ":" + std::to_string(number);
      }
    }
    // Menus, dump tools and such have no kernel.
    std::erase_if(
        found, [](const BootEntry& entry) { return entry.kernel.empty() || entry.where.empty(); });
    for (BootEntry& entry : found)
      entry.by_default = entry.id == default_section;
    return found;
  }

  HostPaths paths_;
};

}  // namespace

std::unique_ptr<Bootloader> find_zipl(const Host& host) {
  if (host.machine != "s390x" || ::access(host.paths.zipl_conf().c_str(), F_OK) != 0)
    return nullptr;
  // RHEL's holds only a default; its entries are loader entries.
  auto zipl = std::make_unique<Zipl>(host.paths);
  return zipl->entries() ? std::move(zipl) : nullptr;
}

}  // namespace kdump
