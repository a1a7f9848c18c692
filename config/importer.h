// What the two importers share: variables are taken one by one, what is left has no counterpart.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/assignments.h"
#include "config/import.h"
#include "config/settings.h"

namespace kdump {

class Importer {
 public:
  Importer(const Assignments& assignments, const std::string& name, std::string_view machine)
      : assignments_(assignments), name_(name), machine_(machine) {}

  // The value, if it is there and not empty. The variable is dealt with then.
  std::optional<std::string> take(std::string_view variable);
  // Of several variables: says `what` about each that is there and not empty.
  void take_with_note(std::initializer_list<std::string_view> variables, const std::string& what);
  void note(std::string_view variable, const std::string& what);

  // A line of kdump.conf. What its format cannot hold becomes a note about `variable`.
  void directive(std::string_view variable, std::string_view word, const std::string& value);
  // MAKEDUMP_ARGS and such, as a core_collector line.
  void collector(std::string_view variable, const std::string& options);
  // Parameters to append to those that this machine's capture kernel gets anyway.
  void append_parameters(const std::string& parameters, const std::vector<std::string>& except);
  void base_parameters(const std::string& parameters) { base_parameters_ = parameters; }
  void kernel_release(const std::string& release) { kernel_release_ = release; }

  void keep(uint64_t captures) { keep_ = captures; }
  void keep_free_mib(uint64_t mib) { keep_free_mib_ = mib; }
  void name_by_hostname() { by_hostname_ = true; }
  // In the order in which they are to be tried.
  void target(Target target) { targets_.push_back(std::move(target)); }

  Result<Imported> finish();

 private:
  void write_targets();
  void write_policy();
  void write_sysconfig();
  [[nodiscard]] Result<void> check() const;

  const Assignments& assignments_;
  const std::string& name_;
  std::string_view machine_;
  std::set<std::string, std::less<>> taken_;
  std::vector<Target> targets_;
  std::string base_parameters_, appended_, kernel_release_, lines_;
  std::optional<uint64_t> keep_, keep_free_mib_;
  bool by_hostname_ = false;
  Imported out_;
};

void import_debian(Importer& importer);
void import_suse(Importer& importer);

}  // namespace kdump
