#include "config/sysconfig.h"

#include <algorithm>

#include "config/assignments.h"
#include "config/nearest.h"
#include "config/words.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

struct Variable {
  std::string_view name;
  // Empty: fine. Else what is wrong with the value.
  std::string (*set)(Sysconfig& sysconfig, const std::string& value);
};

std::string set_log_level(int& level, const std::string& value) {
  const auto number = parse_number(value);
  if (!number || *number > 4) return "is " + in_quotes(value) + "; write a number from 0 to 4";
  level = static_cast<int>(*number);
  return "";
}

std::string set_file_name(std::string& name, const std::string& value) {
  if (value.find('/') != std::string::npos)
    return "is " + in_quotes(value) + "; write a name without '/'";
  name = value;
  return "";
}

template <class To>
std::string set_text(To& to, const std::string& value) {
  to = value;
  return "";
}

constexpr Variable kVariables[] = {
    {"KDUMP_KERNELVER",
     [](Sysconfig& s, const std::string& v) { return set_file_name(s.kernel_release, v); }},
    {"KDUMP_COMMANDLINE",
     [](Sysconfig& s, const std::string& v) { return set_text(s.command_line, v); }},
    {"KDUMP_COMMANDLINE_REMOVE",
     [](Sysconfig& s, const std::string& v) { return set_text(s.remove, v); }},
    {"KDUMP_COMMANDLINE_APPEND",
     [](Sysconfig& s, const std::string& v) { return set_text(s.append, v); }},
    {"FADUMP_COMMANDLINE_APPEND",
     [](Sysconfig& s, const std::string& v) { return set_text(s.fadump_append, v); }},
    {"KEXEC_ARGS", [](Sysconfig& s, const std::string& v) { return set_text(s.kexec_args, v); }},
    {"KDUMP_BOOTDIR",
     [](Sysconfig& s, const std::string& v) {
       if (!v.empty() && !v.starts_with("/")) return "is " + in_quotes(v) + "; write a path from /";
       return set_text(s.boot_directory, v);
     }},
    {"KDUMP_IMG",
     [](Sysconfig& s, const std::string& v) {
       if (v.empty()) return std::string("is empty; write vmlinuz, or remove the line");
       return set_file_name(s.image, v);
     }},
    {"KDUMP_IMG_EXT",
     [](Sysconfig& s, const std::string& v) { return set_file_name(s.image_extension, v); }},
    {"VMCORE_CREATION_NOTIFICATION",
     [](Sysconfig& s, const std::string& v) {
       s.creation_notification = v == "yes";
       return std::string();
     }},
    {"KDUMP_STDLOGLVL",
     [](Sysconfig& s, const std::string& v) { return set_log_level(s.std_log_level, v); }},
    {"KDUMP_SYSLOGLVL",
     [](Sysconfig& s, const std::string& v) { return set_log_level(s.sys_log_level, v); }},
    {"KDUMP_KMSGLOGLVL",
     [](Sysconfig& s, const std::string& v) { return set_log_level(s.kmsg_log_level, v); }},
};

void warn_about_unknown(const Assignment& assignment, const std::string& where, Draft& draft) {
  std::vector<std::string_view> known;
  for (const Variable& variable : kVariables)
    known.push_back(variable.name);
  const auto near = nearest_word(assignment.name, known);
  // A file that is run as shell may well hold variables that are somebody else's.
  if (near)
    draft.warn(where, shown(assignment.name) + " is not known and has no effect; did you mean '" +
                          std::string(*near) + "'?");
  else if (assignment.name.starts_with("KDUMP_"))
    draft.warn(where, shown(assignment.name) + " is not known and has no effect");
}

// Ours is always kexec_file_load(2): what asks for another way, or for more, is not done.
void warn_about_kexec_args(const std::string& value, const std::string& where, Draft& draft) {
  for (const std::string& word : split_words(value))
    if (word != "-s" && word != "-a" && word != "--kexec-file-syscall")
      draft.warn(where,
                 "KEXEC_ARGS: " + in_quotes(word) +
                     " has no effect: kdumpd does not run kexec, it loads the kernel itself");
}

void apply(const Assignment& assignment, const std::string& name, Draft& draft) {
  const std::string where = name + ":" + std::to_string(assignment.line);
  const auto* const variable = std::ranges::find(kVariables, assignment.name, &Variable::name);
  if (variable == std::end(kVariables)) return warn_about_unknown(assignment, where, draft);
  // A value may go over several lines; the kernel's command line and file names are one.
  std::string value = assignment.value;
  std::ranges::replace(value, '\n', ' ');
  if (holds_control_character(value))
    return draft.fail(where, assignment.name + " holds a control character", Errc::bad_input);
  const std::string wrong = variable->set(draft.loaded.settings.sysconfig, value);
  if (!wrong.empty()) return draft.fail(where, assignment.name + " " + wrong);
  draft.loaded.origins[assignment.name] = where;
  if (assignment.name == "KEXEC_ARGS") warn_about_kexec_args(value, where, draft);
}

}  // namespace

bool is_suse_sysconfig(std::string_view text) {
  const Assignments assignments = read_assignments(text, "");
  return assignments.find("KDUMP_SAVEDIR") != nullptr ||
         assignments.find("KDUMP_DUMPFORMAT") != nullptr;
}

void read_sysconfig(std::string_view text, const std::string& name, Draft& draft) {
  if (is_suse_sysconfig(text))
    return draft.warn(name,
                      "this is the file of openSUSE's kdump, and is not used; 'kdumpctl config "
                      "import --from suse' makes kdumpd's files of it");
  Assignments assignments = read_assignments(text, name);
  std::ranges::move(assignments.errors, std::back_inserter(draft.errors));
  for (const Assignment& assignment : assignments.all)
    apply(assignment, name, draft);
}

Result<Sysconfig> load_sysconfig(const std::string& file) {
  auto text = read_text_file(file);
  if (!text) {
    if (text.error().code() == Errc::not_found) return Sysconfig{};
    return std::move(text).error();
  }
  Draft draft;
  read_sysconfig(*text, file, draft);
  if (!draft.errors.empty()) return std::move(draft.errors.front());
  return draft.loaded.settings.sysconfig;
}

}  // namespace kdump
