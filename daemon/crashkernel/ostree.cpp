// rpm-ostree: the command line belongs to a deployment, and a change makes a new one.
#include <unistd.h>

#include "daemon/crashkernel/bootloader.h"
#include "daemon/host/program.h"

namespace kdump {

namespace {

constexpr std::chrono::minutes kLimit{10};  // it copies a deployment

class Ostree final : public Bootloader {
 public:
  explicit Ostree(const Host& host) : paths_(host.paths), release_(host.release) {}

  [[nodiscard]] std::string name() const override { return "rpm-ostree"; }
  [[nodiscard]] bool one_for_all() const override { return true; }

  // Of the deployment that boots next, pending ones included.
  [[nodiscard]] Result<std::vector<BootEntry>> entries() const override {
    KDUMP_TRY_ASSIGN(std::string line,
                     run_program_or_fail(paths_, {"rpm-ostree", "kargs"}, kLimit));
    while (!line.empty() && (line.back() == '\n' || line.back() == ' '))
      line.pop_back();
    BootEntry entry;
    entry.title = "the deployment that boots next";
    entry.kernel = "ostree";
    entry.id = "rpm-ostree kargs";
    entry.release = release_;
    entry.options = std::move(line);
    entry.where = "rpm-ostree kargs";
    entry.by_default = true;
    return std::vector<BootEntry>{std::move(entry)};
  }

  Result<void> change(const std::vector<BootEntry>& which, const std::vector<ParameterEdit>& edits,
                      bool /*future_too*/) override {
    std::vector<std::string> command = {"rpm-ostree", "kargs"};
    for (const ParameterEdit& edit : edits) {
      for (const std::string& value : all_parameters(which.front().options, edit.name))
        command.push_back("--delete=" + edit.name + (value.empty() ? "" : "=" + value));
      if (edit.value) command.push_back("--append=" + edit.name + "=" + *edit.value);
    }
    KDUMP_TRY(run_program_or_fail(paths_, command, kLimit));
    return {};
  }

  [[nodiscard]] std::vector<std::string> what_changes() const override {
    return {"rpm-ostree kargs"};
  }

 private:
  HostPaths paths_;
  std::string release_;
};

}  // namespace

std::unique_ptr<Bootloader> find_ostree(const Host& host) {
  if (::access(host.paths.ostree_booted().c_str(), F_OK) != 0 ||
      find_program(host.paths, "rpm-ostree").empty())
    return nullptr;
  return std::make_unique<Ostree>(host);
}

}  // namespace kdump
