#include "daemon/crashkernel/reset.h"

#include <algorithm>
#include <filesystem>

#include "config/settings.h"
#include "daemon/crashkernel/bootloader.h"
#include "daemon/crashkernel/defaults.h"
#include "daemon/crashkernel/parameter.h"
#include "daemon/host/program.h"
#include "makedump/base/log.h"
#include "makedump/base/units.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr char kCrashkernel[] = "crashkernel";
constexpr char kFadump[] = "fadump";

// What is to become of one boot entry.
struct Wish {
  BootEntry entry;
  std::vector<ParameterEdit> edits;
  [[nodiscard]] bool is_met() const {
    return std::all_of(edits.begin(), edits.end(),
                       [this](const ParameterEdit& edit) { return says(entry.options, edit); });
  }
  // "crashkernel=256M", "crashkernel=1G fadump=on"
  [[nodiscard]] std::string words() const {
    std::string text;
    for (const ParameterEdit& edit : edits)
      text += (text.empty() ? "" : " ") +
              (edit.value ? edit.name + "=" + *edit.value : "no " + edit.name + "=");
    return text;
  }
};

std::string shown(const std::string& options, const std::string& name) {
  const auto value = last_parameter(options, name);
  return value ? name + "=" + *value : "no " + name + "=";
}

bool same_file(const HostPaths& paths, const std::string& a, const std::string& b) {
  if (a == b) return true;
  std::error_code failed;
  return fs::equivalent(paths.root + a, paths.root + b, failed) && !failed;
}

std::string kernels_of(const std::vector<BootEntry>& entries) {
  std::string text;
  for (const BootEntry& entry : entries)
    if (text.find(entry.kernel) == std::string::npos)
      text += (text.empty() ? "" : ", ") + entry.kernel;
  return text;
}

Result<std::vector<BootEntry>> choose(const Host& host, const Bootloader& loader,
                                      const std::string& kernel) {
  KDUMP_TRY_ASSIGN(std::vector<BootEntry> entries, loader.entries());
  if (kernel == "ALL") return entries;
  if (loader.one_for_all()) {
    if (kernel.empty() || kernel == "DEFAULT") return entries;
    return Error(Errc::usage, loader.name() +
                                  ": has one command line for all kernels: use "
                                  "--kernel=ALL");
  }
  std::vector<BootEntry> chosen;
  const std::string release = kernel.empty() ? capture_kernel_release(host) : "";
  for (const BootEntry& entry : entries)
    if (kernel == "DEFAULT" ? entry.by_default
        : kernel.empty()    ? entry.release == release
                            : same_file(host.paths, entry.kernel, kernel))
      chosen.push_back(entry);
  if (chosen.empty())
    return Error(Errc::not_found,
                 (kernel == "DEFAULT" ? "the bootloader does not tell its default entry"
                  : kernel.empty()    ? "no boot entry is known for kernel " + release
                                      : "no boot entry is known for " + kernel) +
                     " (there are: " + kernels_of(entries) + "): use --kernel=ALL or a path");
  return chosen;
}

DumpMode mode_of(const BootEntry& entry, const std::string& fadump) {
  const std::string value =
      fadump.empty() ? last_parameter(entry.options, kFadump).value_or("off") : fadump;
  return value == "on" || value == "nocma" ? DumpMode::fadump : DumpMode::kdump;
}

Result<std::string> default_for(const Host& host, const Bootloader& loader, const BootEntry& entry,
                                const std::string& fadump) {
  // One command line for all is made for the kernel that runs.
  const std::string& release = loader.one_for_all() ? host.release : entry.release;
  return default_crashkernel(read_crashkernel_facts(host, release), mode_of(entry, fadump));
}

// By the default table small machines reserve nothing, which nobody should learn at the next crash.
void warn_if_nothing_is_reserved(const Host& host, const std::string& value) {
  const auto ram = system_ram(host.paths);
  const auto parsed = parse_crashkernel(value);
  if (!ram || !parsed || reservation(*parsed, *ram).value_or(1) != 0) return;
  log::warning("crashkernel=" + value + " reserves nothing on a machine with " + human_bytes(*ram) +
               ": set crashkernel=128M or more by hand ('kdumpctl estimate' "
               "tells how much)");
}

// After the change: does the next boot have it?
Result<void> verify(const Bootloader& loader, const std::vector<Wish>& wishes) {
  auto entries = loader.entries();
  if (!entries)
    return std::move(entries).error().context("what the bootloader has now is not known");
  std::string problems;
  for (const Wish& wish : wishes) {
    const auto now = std::find_if(entries->begin(), entries->end(), [&](const BootEntry& entry) {
      return entry.id == wish.entry.id && entry.index == wish.entry.index &&
             entry.kernel == wish.entry.kernel;
    });
    if (!problems.empty() && now == entries->end()) continue;
    if (now == entries->end()) {
      problems += "boot entry of " + wish.entry.kernel + " (" + wish.entry.where + ") is gone";
      continue;
    }
    for (const ParameterEdit& edit : wish.edits)
      if (!says(now->options, edit))
        problems += (problems.empty() ? "" : "; ") + now->where + " has " +
                    shown(now->options, edit.name) + " for " + now->describe();
  }
  if (problems.empty()) return {};
  return Error(Errc::io, loader.name() + ": the change did not reach the next boot: " + problems);
}

Result<void> carry_out(Bootloader& loader, const std::vector<Wish>& wishes, bool future_too) {
  // Entries that get the same go together: update-grub runs once.
  for (size_t i = 0; i < wishes.size(); ++i) {
    const auto is_like = [&](const Wish& other) { return other.words() == wishes[i].words(); };
    if (std::any_of(wishes.begin(), wishes.begin() + static_cast<ptrdiff_t>(i), is_like)) continue;
    std::vector<BootEntry> group;
    for (const Wish& wish : wishes)
      if (is_like(wish)) group.push_back(wish.entry);
    KDUMP_TRY(loader.change(group, wishes[i].edits, future_too));
  }
  return verify(loader, wishes);
}

int fail(const Error& error) {
  log::error(error.message());
  return 1;
}

// Returns whether anything was changed.
Result<bool> make_it_so(const Host& host, Bootloader& loader, const std::vector<Wish>& wishes,
                        bool future_too) {
  std::vector<Wish> open;
  std::copy_if(wishes.begin(), wishes.end(), std::back_inserter(open),
               [](const Wish& wish) { return !wish.is_met(); });
  if (open.empty()) return false;
  KDUMP_TRY(carry_out(loader, open, future_too));
  for (const Wish& wish : open)
    log::info("Updated " + wish.words() + " for " + wish.entry.describe());
  for (const ParameterEdit& edit : open.front().edits)
    if (edit.name == kCrashkernel && edit.value) warn_if_nothing_is_reserved(host, *edit.value);
  return true;
}

void say_what_would_be(const Bootloader& loader, const std::vector<Wish>& wishes) {
  for (const Wish& wish : wishes)
    for (const ParameterEdit& edit : wish.edits)
      log::info(says(wish.entry.options, edit)
                    ? "Would keep " + shown(wish.entry.options, edit.name) + " for " +
                          wish.entry.describe()
                    : "Would change " + shown(wish.entry.options, edit.name) + " to " +
                          (edit.value ? edit.name + "=" + *edit.value : "no " + edit.name + "=") +
                          " for " + wish.entry.describe());
  std::string through;
  for (const std::string& file : loader.what_changes())
    through += (through.empty() ? "" : ", ") + file;
  log::info("Through " + loader.name() + " (" + through + ")");
}

Result<void> check_options(const Host& host, const ResetOptions& options) {
  if (options.fadump.empty()) return {};
  if (options.fadump != "on" && options.fadump != "off" && options.fadump != "nocma")
    return Error(Errc::usage,
                 "reset-crashkernel: --fadump=" + options.fadump + ": write on, off or nocma");
  if (host.machine != "ppc64le")
    return Error(Errc::usage,
                 "reset-crashkernel: --fadump is for ppc64le only, this is " + host.machine);
  return {};
}

Result<std::vector<Wish>> make_wishes(const Host& host, const Bootloader& loader,
                                      const ResetOptions& options) {
  KDUMP_TRY_ASSIGN(const auto chosen, choose(host, loader, options.kernel));
  std::vector<Wish> wishes;
  for (const BootEntry& entry : chosen) {
    KDUMP_TRY_ASSIGN(std::string value, default_for(host, loader, entry, options.fadump));
    Wish wish{entry, {{kCrashkernel, std::move(value)}}};
    if (options.fadump == "off") wish.edits.push_back({kFadump, std::nullopt});
    if (options.fadump == "on" || options.fadump == "nocma")
      wish.edits.push_back({kFadump, options.fadump});
    wishes.push_back(std::move(wish));
  }
  return wishes;
}

void reboot(const Host& host) {
  log::warning("--reboot is deprecated: 'systemctl reboot' does the same");
  constexpr std::chrono::minutes kLimit{1};
  if (!host.paths.root.empty()) return;  // another host's files were changed, not this one's
  if (const auto done = run_program_or_fail(host.paths, {"systemctl", "reboot"}, kLimit); !done)
    log::error(done.error().message());
}

// The service is pulled in by something, under our name or RHEL's.
bool service_is_enabled(const HostPaths& paths) {
  std::error_code failed;
  for (const auto& folder : fs::directory_iterator(paths.enabled_units(), failed)) {
    const std::string name = folder.path().filename();
    if (!name.ends_with(".wants") && !name.ends_with(".requires")) continue;
    for (const char* unit : {"kdumpd.service", "kdump.service"})
      if (fs::symlink_status(folder.path() / unit, failed).type() == fs::file_type::symlink)
        return true;
  }
  return false;
}

Result<bool> may_reset_by_itself(const Host& host) {
  if (!service_is_enabled(host.paths)) return false;
  KDUMP_TRY_ASSIGN(const LoadedSettings loaded, load_settings(host.paths.config_files()));
  return loaded.settings.auto_reset_crashkernel;
}

// Replaces what nobody chose. `release`: only of this kernel.
Result<void> reset_by_itself(const Host& host, const std::string& release) {
  KDUMP_TRY_ASSIGN(const bool may, may_reset_by_itself(host));
  if (!may) return {};
  KDUMP_TRY_ASSIGN(const auto loader, find_bootloader(host));
  KDUMP_TRY_ASSIGN(const auto entries, loader->entries());
  // A kernel that is the only one here is that of a system being installed: it gets the default.
  // Otherwise, none means that somebody took it away.
  const bool first_kernel =
      !release.empty() && std::all_of(entries.begin(), entries.end(), [&](const BootEntry& entry) {
        return entry.release == release;
      });
  std::vector<Wish> wishes;
  for (const BootEntry& entry : entries) {
    if (!release.empty() && !loader->one_for_all() && entry.release != release) continue;
    const auto values = all_parameters(entry.options, kCrashkernel);
    const bool nobodys = values.empty()
                             ? first_kernel
                             : std::all_of(values.begin(), values.end(), [&](const auto& value) {
                                 return was_default_crashkernel(host.machine, value);
                               });
    if (!nobodys) {
      // A change of the one command line would change this one, too.
      if (loader->one_for_all()) return {};
      continue;
    }
    KDUMP_TRY_ASSIGN(std::string value, default_for(host, *loader, entry, ""));
    wishes.push_back({entry, {{kCrashkernel, std::move(value)}}});
  }
  const bool future_too = release.empty() || first_kernel;
  KDUMP_TRY(make_it_so(host, *loader, wishes, future_too));
  return {};
}

}  // namespace

int reset_crashkernel(const Host& host, const ResetOptions& options) {
  if (auto fine = check_options(host, options); !fine) return fail(fine.error());
  auto loader = find_bootloader(host);
  if (!loader) return fail(loader.error());
  auto wishes = make_wishes(host, **loader, options);
  if (!wishes) return fail(wishes.error());
  if (options.dry_run) {
    say_what_would_be(**loader, *wishes);
    return 0;
  }
  const bool one_kernel = !options.kernel.empty() && options.kernel != "ALL";
  const auto changed = make_it_so(host, **loader, *wishes, !one_kernel);
  if (!changed) return fail(changed.error());
  if (!*changed) {
    log::info("No need to update " + wishes->front().words() +
              ": every entry that was asked for has it");
    return 0;
  }
  log::info("Please reboot the system for the change to take effect.");
  if (options.reboot) reboot(host);
  return 0;
}

int reset_crashkernel_after_update(const Host& host) {
  if (auto done = reset_by_itself(host, ""); !done) return fail(done.error());
  return 0;
}

int reset_crashkernel_for_installed_kernel(const Host& host, const std::string& release) {
  if (auto done = reset_by_itself(host, release); !done) return fail(done.error());
  return 0;
}

}  // namespace kdump
