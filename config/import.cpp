#include "config/import.h"

#include <algorithm>

#include "config/command_line.h"
#include "config/core_collector.h"
#include "config/importer.h"
#include "config/kdump_conf.h"
#include "config/policy.h"
#include "config/sysconfig.h"
#include "config/words.h"

namespace kdump {

namespace {

// A YAML scalar in double quotes.
std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string policy_target(const Target& target) {
  const std::string described = target.describe();  // "sftp user@host"
  const size_t blank = described.find(' ');
  std::string out =
      "  - " + described.substr(0, blank) + ": " + yaml_text(described.substr(blank + 1)) + "\n";
  if (target.port != 0) out += "    port: " + std::to_string(target.port) + "\n";
  if (!target.options.empty()) out += "    options: " + yaml_text(target.options) + "\n";
  if (!target.path.empty()) out += "    path: " + yaml_text(target.path) + "\n";
  return out;
}

// What one line of kdump.conf can say.
bool fits_kdump_conf(const Target& target) {
  return target.port == 0 && target.options.empty() && target.path.empty() &&
         target.kind != TargetKind::sftp;
}

// As a shell and read_assignments() take it.
std::string assignment(std::string_view name, std::string_view value) {
  std::string out = std::string(name) + "=\"";
  for (const char c : value) {
    if (std::string_view("\"\\$`").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "\"\n";
}

}  // namespace

std::optional<std::string> Importer::take(std::string_view variable) {
  const Assignment* found = assignments_.find(variable);
  if (found == nullptr) return std::nullopt;
  taken_.emplace(variable);
  std::string value(trimmed(found->value));
  std::ranges::replace(value, '\n', ' ');
  if (value.empty()) return std::nullopt;
  if (holds_control_character(value)) {
    note(variable, "holds a control character, and is left out");
    return std::nullopt;
  }
  return value;
}

void Importer::take_with_note(std::initializer_list<std::string_view> variables,
                              const std::string& what) {
  for (const std::string_view variable : variables)
    if (take(variable)) note(variable, what);
}

void Importer::note(std::string_view variable, const std::string& what) {
  const Assignment* found = assignments_.find(variable);
  out_.notes.push_back(name_ + (found ? ":" + std::to_string(found->line) : "") + ": " +
                       shown(variable) + ": " + what);
}

void Importer::directive(std::string_view variable, std::string_view word,
                         const std::string& value) {
  if (value.find('#') != std::string::npos || value.front() == '"')
    return note(variable, in_quotes(value) + " cannot be written into kdump.conf");
  lines_ += std::string(word) + " " + value + "\n";
}

void Importer::collector(std::string_view variable, const std::string& options) {
  const std::string line = "makedumpfile " + options;
  const auto parsed = parse_core_collector(line);
  if (!parsed)
    return note(variable, parsed.error().message() + "; the default core_collector is used");
  for (const std::string& warning : parsed->warnings)
    note(variable, warning);
  directive(variable, "core_collector", join_words(parsed->arguments));
}

void Importer::append_parameters(const std::string& parameters,
                                 const std::vector<std::string>& except) {
  std::string base;
  if (auto defaults = default_command_line_settings(machine_)) base = defaults->append;
  const auto ours = split_parameters(base);
  std::vector<std::string> theirs = split_parameters(parameters);
  remove_parameters(theirs, except);
  for (const std::string& parameter : theirs)
    if (std::ranges::find(ours, parameter) == ours.end())
      appended_ += (appended_.empty() ? "" : " ") + parameter;
}

void Importer::write_targets() {
  if (targets_.empty()) return;
  // The first one is kdump.conf's when its format can say it; a list takes all of them.
  const bool first_fits = fits_kdump_conf(targets_.front());
  if (first_fits) lines_ = targets_.front().describe() + "\n" + lines_;
  if (first_fits && targets_.size() == 1) return;
  out_.policy += "targets:\n";
  for (size_t i = 0; i < targets_.size(); ++i)
    out_.policy += i == 0 && first_fits ? "  - kdump.conf\n" : policy_target(targets_[i]);
}

void Importer::write_policy() {
  if (keep_ && *keep_ != 0) out_.policy += "retention:\n  keep: " + std::to_string(*keep_) + "\n";
  if (keep_free_mib_)
    out_.policy += "space:\n  keep_free: " + std::to_string(*keep_free_mib_) + "MiB\n";
  if (by_hostname_) out_.policy += "naming: \"{hostname}-{time}\"\n";
}

void Importer::write_sysconfig() {
  if (!kernel_release_.empty()) out_.sysconfig += assignment("KDUMP_KERNELVER", kernel_release_);
  if (!base_parameters_.empty())
    out_.sysconfig += assignment("KDUMP_COMMANDLINE", base_parameters_);
  if (appended_.empty()) return;
  const auto defaults = default_command_line_settings(machine_);
  out_.sysconfig += assignment("KDUMP_COMMANDLINE_APPEND",
                               (defaults ? defaults->append + " " : std::string()) + appended_);
}

// What our own parsers make of it. Only a value that made no sense where it came from fails here.
Result<void> Importer::check() const {
  Draft draft;
  read_kdump_conf(out_.kdump_conf, "kdump.conf", draft);
  read_policy(out_.policy, "policy.yaml", draft);
  read_sysconfig(out_.sysconfig, "sysconfig", draft);
  kdump::finish(draft);
  if (!draft.errors.empty())
    return Error(draft.errors.front()).context(name_ + ": what it says makes no valid files");
  return {};
}

Result<Imported> Importer::finish() {
  for (const Assignment& assignment : assignments_.all)
    if (taken_.find(assignment.name) == taken_.end() && !trimmed(assignment.value).empty())
      note(assignment.name, "has no counterpart, and is left out");
  write_targets();
  write_policy();
  write_sysconfig();
  const std::string head = "# Made by 'kdumpctl config import' from " + shown(name_) + "\n";
  out_.kdump_conf = head + lines_;
  if (!out_.policy.empty()) out_.policy = head + out_.policy;
  if (!out_.sysconfig.empty()) out_.sysconfig = head + out_.sysconfig;
  KDUMP_TRY(check());
  return std::move(out_);
}

Result<Imported> import_settings(ImportFrom from, std::string_view text, const std::string& name,
                                 std::string_view machine) {
  Assignments assignments = read_assignments(text, name);
  if (!assignments.errors.empty()) return std::move(assignments.errors.front());
  Importer importer(assignments, name, machine);
  from == ImportFrom::debian ? import_debian(importer) : import_suse(importer);
  return importer.finish();
}

Result<ImportFrom> recognise_import(std::string_view text, const std::string& name) {
  if (is_suse_sysconfig(text)) return ImportFrom::suse;
  const Assignments assignments = read_assignments(text, name);
  for (const char* variable : {"USE_KDUMP", "KDUMP_COREDIR", "MAKEDUMP_ARGS", "KDUMP_NUM_DUMPS"})
    if (assignments.find(variable) != nullptr) return ImportFrom::debian;
  return Error(Errc::not_found, name +
                                    ": sets no variable of Debian's kdump-tools (USE_KDUMP, "
                                    "KDUMP_COREDIR) or of openSUSE's kdump (KDUMP_SAVEDIR)");
}

}  // namespace kdump
