// RHEL's and Fedora's way: grubby changes the loader entries, and knows about saved variables,
// /etc/default/grub and zipl as well. What it did is read back from it and from the entries' files.
#include <algorithm>
#include <unistd.h>

#include "daemon/crashkernel/bootloader.h"
#include "daemon/crashkernel/loader_entry.h"
#include "daemon/host/program.h"

namespace kdump {

namespace {

constexpr std::chrono::minutes kLimit{2};

std::string unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

// `grubby --info=ALL`: blocks of index=, kernel=, args=, … each opened by index=.
std::vector<BootEntry> parse_info(std::string_view text) {
  std::vector<BootEntry> entries;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    const std::string value = unquoted(line.substr(equals + 1));
    if (key == "index") {
      entries.emplace_back();
      entries.back().index = value;
      entries.back().where = "grubby --info=" + value;
    }
    if (entries.empty()) continue;
    BootEntry& entry = entries.back();
    if (key == "kernel") entry.kernel = value;
    if (key == "args") entry.options = value;
    if (key == "title") entry.title = value;
    if (key == "id") entry.id = value;
  }
  std::erase_if(entries, [](const BootEntry& entry) { return entry.kernel.empty(); });
  for (BootEntry& entry : entries)
    entry.release = release_of_kernel(entry.kernel);
  return entries;
}

class Grubby final : public Bootloader {
 public:
  Grubby(HostPaths paths, bool needs_zipl) : paths_(std::move(paths)), needs_zipl_(needs_zipl) {}

  [[nodiscard]] std::string name() const override { return "grubby"; }

  [[nodiscard]] Result<std::vector<BootEntry>> entries() const override {
    KDUMP_TRY_ASSIGN(const std::string info,
                     run_program_or_fail(paths_, {"grubby", "--info=ALL"}, kLimit));
    std::vector<BootEntry> found = parse_info(info);
    if (found.empty())
      return Error(Errc::unsupported, "grubby --info=ALL: shows no entry that boots Linux");
    const auto default_kernel = run_program_or_fail(paths_, {"grubby", "--default-index"}, kLimit);
    for (BootEntry& entry : found)
      entry.by_default = default_kernel && *default_kernel == entry.index + "\n";
    take_from_files(found);
    return found;
  }

  Result<void> change(const std::vector<BootEntry>& which, const std::vector<ParameterEdit>& edits,
                      bool /*future_too*/) override {
    for (const BootEntry& entry : which) {
      // grubby replaces one value; of several crashkernel= (high and low), one would stay.
      std::string removed, added;
      for (const ParameterEdit& edit : edits) {
        const size_t there = all_parameters(entry.options, edit.name).size();
        if (there > 1 || (there == 1 && !edit.value))
          removed += (removed.empty() ? "" : " ") + edit.name;
        if (edit.value) added += (added.empty() ? "" : " ") + edit.name + "=" + *edit.value;
      }
      if (!removed.empty())
        KDUMP_TRY(run_program_or_fail(
            paths_, {"grubby", "--update-kernel=" + entry.index, "--remove-args=" + removed},
            kLimit));
      if (!added.empty())
        KDUMP_TRY(run_program_or_fail(
            paths_, {"grubby", "--update-kernel=" + entry.index, "--args=" + added}, kLimit));
    }
    if (needs_zipl_) KDUMP_TRY(run_program_or_fail(paths_, {"zipl"}, kLimit));
    return {};
  }

  [[nodiscard]] std::vector<std::string> what_changes() const override {
    std::vector<std::string> programs = {"grubby --update-kernel"};
    if (needs_zipl_) programs.emplace_back("zipl");
    return programs;
  }

 private:
  // GRUB reads the files, not grubby: what they say counts.
  void take_from_files(std::vector<BootEntry>& found) const {
    const auto files = read_loader_entries(paths_);
    if (!files) return;
    for (BootEntry& entry : found)
      for (const LoaderEntry& file : *files)
        if (!entry.id.empty() && file.entry.id == entry.id) {
          entry.options = file.entry.options;
          entry.where = file.entry.where;
        }
  }

  HostPaths paths_;
  bool needs_zipl_;
};

}  // namespace

std::unique_ptr<Bootloader> find_grubby(const Host& host) {
  if (find_program(host.paths, "grubby").empty()) return nullptr;
  return std::make_unique<Grubby>(host.paths, host.machine == "s390x");
}

}  // namespace kdump
