// Kernel modules and what they need, in the order in which they have to be loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

struct KernelModule {
  std::string name;     // as lsmod shows it
  std::string path;     // its file on this host
  std::string options;  // parameters from modprobe.d and the running kernel's command line
  std::vector<std::string> firmware;  // of drivers: files that it may ask the kernel for
};

// Resolves names and aliases against /lib/modules/<release> below a root, whatever kernel runs.
class ModuleResolver {
 public:
  // not_found if there are no modules for this release.
  static Result<ModuleResolver> open(const std::string& release, const std::string& root);

  ModuleResolver(ModuleResolver&&) noexcept;
  ModuleResolver& operator=(ModuleResolver&&) noexcept;
  ~ModuleResolver();

  enum class Match { none, built_in, module };

  // Adds what a module name or alias ("fs-ext4", "pci:v00001AF4…") stands for, dependencies and
  // soft dependencies first. `none` if this kernel has no such thing.
  Result<Match> add(const std::string& name_or_alias);

  // Everything added so far, each module once, dependencies before dependents.
  [[nodiscard]] const std::vector<KernelModule>& modules() const;

 private:
  struct State;
  explicit ModuleResolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kdump
