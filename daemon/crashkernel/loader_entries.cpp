// Loader entries that are changed in place: systemd-boot, and GRUB with blscfg where there is no
// grubby. kernel-install makes the entries of kernels to come from /etc/kernel/cmdline.
#include <algorithm>
#include <unistd.h>

#include "daemon/crashkernel/bootloader.h"
#include "daemon/crashkernel/edit_file.h"
#include "daemon/crashkernel/loader_entry.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

class LoaderEntries final : public Bootloader {
 public:
  explicit LoaderEntries(HostPaths paths) : paths_(std::move(paths)) {}

  [[nodiscard]] std::string name() const override { return "loader entries"; }

  [[nodiscard]] Result<std::vector<BootEntry>> entries() const override {
    KDUMP_TRY_ASSIGN(const auto files, read_loader_entries(paths_));
    std::vector<BootEntry> found;
    found.reserve(files.size());
    for (const LoaderEntry& file : files)
      found.push_back(file.entry);
    if (found.empty())
      return Error(Errc::unsupported, "loader/entries: no entry that boots Linux was found");
    found.front().by_default = true;
    return found;
  }

  Result<void> change(const std::vector<BootEntry>& which, const std::vector<ParameterEdit>& edits,
                      bool future_too) override {
    // First what kernels to come get: if that fails, nothing has changed yet.
    if (future_too) KDUMP_TRY(change_future(edits));
    KDUMP_TRY_ASSIGN(const auto files, read_loader_entries(paths_));
    for (const LoaderEntry& file : files) {
      const bool chosen = std::any_of(which.begin(), which.end(), [&](const BootEntry& entry) {
        return entry.id == file.entry.id && entry.kernel == file.entry.kernel;
      });
      if (chosen) KDUMP_TRY(replace_text_file(file.file, edit_loader_entry(file.text, edits)));
    }
    return {};
  }

  [[nodiscard]] std::vector<std::string> what_changes() const override {
    std::vector<std::string> files;
    if (const auto found = read_loader_entries(paths_))
      for (const LoaderEntry& file : *found)
        files.push_back(file.file);
    return files;
  }

 private:
  // Without the file, kernel-install takes the running kernel's command line, which has the new
  // value after the next boot.
  Result<void> change_future(const std::vector<ParameterEdit>& edits) {
    const std::string file = paths_.kernel_command_line_file();
    const auto text = read_text_file(file);
    if (!text && text.error().code() == Errc::not_found) return {};
    if (!text) return text.error();
    const std::string edited = edit_parameters(*text, edits);
    return edited == *text ? Result<void>() : replace_text_file(file, edited);
  }

  HostPaths paths_;
};

// Entries may be left of another bootloader. Who booted the running system says so in an EFI
// variable: four bytes of attributes, then UTF-16.
bool boots_grub_without_entries(const HostPaths& paths) {
  for (const char* name : {"/grub/grub.cfg", "/grub2/grub.cfg"}) {
    const auto text = read_text_file(paths.boot() + name, size_t{16} << 20);
    if (!text || text->find("blscfg") != std::string::npos) continue;
    auto loader = read_text_file(paths.efi_loader_info());
    if (!loader) return true;
    std::erase(*loader, '\0');
    return loader->find("systemd-boot") == std::string::npos;
  }
  return false;
}

}  // namespace

std::unique_ptr<Bootloader> find_loader_entries(const Host& host) {
  if (boots_grub_without_entries(host.paths)) return nullptr;
  const auto entries = read_loader_entries(host.paths);
  // A directory that cannot be read is said later, by entries().
  if (entries && entries->empty()) return nullptr;
  return std::make_unique<LoaderEntries>(host.paths);
}

}  // namespace kdump
