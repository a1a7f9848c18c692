// kdumpctl config check|show|import
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <unistd.h>

#include "config/host_files.h"
#include "config/import.h"
#include "config/settings.h"
#include "config/show.h"
#include "daemon/commands/command.h"
#include "initramfs/image/support.h"
#include "makedump/base/fd.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr int kOk = 0, kFailed = 1;

struct ImportOptions {
  std::string from;    // debian, suse or a file; "": whichever is there
  std::string output;  // directory; "": standard output
  bool write = false, force = false;
};

struct OutFile {
  std::string path, content;
};

// Everything that arming would look at, short of the target itself.
CheckedSettings check_all(const Host& host) {
  CheckedSettings checked = check_settings(host.paths.config_files());
  std::vector<Error> missing = check_host_files(checked.loaded, host.paths.root);
  std::move(missing.begin(), missing.end(), std::back_inserter(checked.errors));
  std::vector<Error> unsupported = unsupported_settings(checked.loaded);
  std::move(unsupported.begin(), unsupported.end(), std::back_inserter(checked.errors));
  return checked;
}

int report(const CheckedSettings& checked) {
  for (const std::string& warning : checked.loaded.warnings)
    log::warning(warning);
  for (const Error& error : checked.errors)
    log::error(error.message());
  return checked.errors.empty() ? kOk : kFailed;
}

int config_check(const Host& host) {
  const int status = report(check_all(host));
  if (status == kOk) log::info("The configuration is fine");
  return status;
}

// Also of a configuration with errors, as far as it can be understood: that is when it is looked
// at.
int config_show(const Host& host, bool json) {
  const CheckedSettings checked = check_all(host);
  const std::string text = json ? settings_json(checked.loaded) : settings_text(checked.loaded);
  (void)std::fputs(text.c_str(), stdout);
  return report(checked);
}

// The file to import, and what becomes of it.
Result<Imported> import_from(const Host& host, const std::string& from) {
  std::vector<std::string> candidates;
  if (from.empty() || from == "debian") candidates.push_back(host.paths.debian_kdump_tools());
  if (from.empty() || from == "suse") candidates.push_back(host.paths.suse_sysconfig());
  if (candidates.empty()) candidates.push_back(from);
  for (const std::string& file : candidates) {
    auto text = read_text_file(file);
    if (!text) {
      if (from.empty() && text.error().sys_errno() == ENOENT) continue;
      return std::move(text).error();
    }
    auto kind = recognise_import(*text, file);
    if (!kind) {
      if (from.empty()) continue;  // RHEL's file has the name of openSUSE's
      return std::move(kind).error();
    }
    if ((from == "debian" && *kind != ImportFrom::debian) ||
        (from == "suse" && *kind != ImportFrom::suse))
      return Error(Errc::usage, file + ": is not of " + from + "'s kdump");
    return import_settings(*kind, *text, file, host.machine);
  }
  return Error(Errc::not_found, "nothing to import: there is neither Debian's " +
                                    host.paths.debian_kdump_tools() + " nor openSUSE's " +
                                    host.paths.suse_sysconfig() + "; name a file with --from");
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

// All or nothing where a file is in the way; what is replaced is kept beside it.
Result<void> write_files(const std::vector<OutFile>& files, bool force) {
  for (const OutFile& file : files)
    if (exists(file.path) && !force)
      return Error(Errc::exists, file.path +
                                     " is there already, nothing was written; --force replaces it "
                                     "and keeps it as " +
                                     file.path + ".before-import");
  for (const OutFile& file : files) {
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(file.path).parent_path(), failed);
    if (failed) return Error::from_errno(file.path, failed.value());
    if (exists(file.path)) {
      std::filesystem::rename(file.path, file.path + ".before-import", failed);
      if (failed) return Error::from_errno(file.path, failed.value());
    }
    const auto* const bytes = reinterpret_cast<const std::byte*>(file.content.data());
    KDUMP_TRY(publish_file(file.path, Bytes(bytes, file.content.size()), 0600));
    log::info("Wrote " + file.path);
  }
  return {};
}

Result<void> import_and_write(const Host& host, const ImportOptions& options) {
  KDUMP_TRY_ASSIGN(const Imported imported, import_from(host, options.from));
  for (const std::string& note : imported.notes)
    log::warning(note);
  const bool in_place = options.write;
  const std::string directory = options.output + "/";
  std::vector<OutFile> files = {
      {in_place ? host.paths.kdump_conf() : directory + "kdump.conf", imported.kdump_conf}};
  if (!imported.policy.empty())
    files.push_back({in_place ? host.paths.policy() : directory + "policy.yaml", imported.policy});
  if (!imported.sysconfig.empty())
    files.push_back(
        {in_place ? host.paths.sysconfig() : directory + "sysconfig", imported.sysconfig});
  if (in_place || !options.output.empty()) return write_files(files, options.force);
  const HostPaths here;
  const std::string names[] = {here.kdump_conf(), here.policy(), here.sysconfig()};
  std::string text = "### " + names[0] + "\n" + imported.kdump_conf;
  if (!imported.policy.empty()) text += "\n### " + names[1] + "\n" + imported.policy;
  if (!imported.sysconfig.empty()) text += "\n### " + names[2] + "\n" + imported.sysconfig;
  (void)std::fputs(text.c_str(), stdout);
  return {};
}

int config_import(const Host& host, const ImportOptions& options) {
  if (auto done = import_and_write(host, options); !done) {
    log::error(done.error().message());
    return kFailed;
  }
  return kOk;
}

}  // namespace

void add_config_commands(Commands& commands) {
  enum class Part { check, show, import };
  struct Chosen {
    Part part = Part::check;
    bool json = false;
    ImportOptions import;
  };
  const auto chosen = std::make_shared<Chosen>();
  CLI::App& config = commands.add("config", "check, show or import the configuration",
                                  Access::configure, [chosen](const Host& host) {
                                    if (chosen->part == Part::show)
                                      return config_show(host, chosen->json);
                                    if (chosen->part == Part::import)
                                      return config_import(host, chosen->import);
                                    return config_check(host);
                                  });
  config.require_subcommand(1);
  const auto choose = [chosen](Part part) { return [chosen, part] { chosen->part = part; }; };

  config.add_subcommand("check", "say everything that is wrong with it (exit status 1)")
      ->callback(choose(Part::check));

  CLI::App* show = config.add_subcommand("show", "every setting, and where it comes from");
  show->callback(choose(Part::show));
  show->add_flag("--json", chosen->json, "for programs");

  CLI::App* import = config.add_subcommand(
      "import", "make kdumpd's files of those of Debian's kdump-tools or openSUSE's kdump");
  import->callback(choose(Part::import));
  ImportOptions& options = chosen->import;
  import->add_option("--from", options.from, "debian, suse, or a file of theirs")
      ->type_name("WHOSE");
  CLI::Option* output =
      import->add_option("--output", options.output, "write them into DIR, not to standard output");
  output->type_name("DIR");
  import->add_flag("--write", options.write, "write them into /etc")->excludes(output);
  import->add_flag("--force", options.force, "replace files that are there, and keep them beside");
}

}  // namespace kdump
