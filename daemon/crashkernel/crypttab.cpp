#include "daemon/crashkernel/crypttab.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

#include "config/settings.h"
#include "daemon/crashkernel/edit_file.h"
#include "makedump/base/fd.h"
#include "makedump/base/log.h"

namespace kdump {

namespace {

constexpr std::string_view kBlanks = " \t";

struct Field {
  size_t begin, end;
};

std::vector<Field> fields_of(std::string_view line) {
  std::vector<Field> fields;
  for (size_t at = line.find_first_not_of(kBlanks); at < line.size();
       at = line.find_first_not_of(kBlanks, at)) {
    const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    fields.push_back({at, end});
    at = end;
  }
  return fields;
}

std::string unquoted(std::string_view text) {
  std::string out(text);
  std::erase(out, '"');
  return out;
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

bool is_about(const HostPaths& paths, std::string_view source, const LuksVolume& volume) {
  const std::string spec = unquoted(source);
  constexpr std::string_view kUuid = "UUID=";
  if (spec.starts_with(kUuid)) return same_letters(spec.substr(kUuid.size()), volume.uuid);
  if (!spec.starts_with("/dev/")) return false;
  constexpr std::string_view kByUuid = "/dev/disk/by-uuid/";
  if (spec.starts_with(kByUuid)) return same_letters(spec.substr(kByUuid.size()), volume.uuid);
  std::error_code failed;
  const auto real = std::filesystem::canonical(paths.root + spec, failed);
  return !failed && real.filename() == volume.device;
}

// The list of options with ours at the place of another key's, else at the end.
std::string with_option(std::string_view options, const std::string& wanted) {
  constexpr std::string_view kName = "link-volume-key=";
  std::string out;
  bool placed = false;
  while (!options.empty()) {
    const std::string_view option = options.substr(0, options.find(','));
    options.remove_prefix(std::min(option.size() + 1, options.size()));
    if (option.starts_with(kName) && placed) continue;
    if (!out.empty()) out += ',';
    out += option.starts_with(kName) ? wanted : std::string(option);
    placed = placed || option.starts_with(kName);
  }
  if (!placed) out += (out.empty() ? "" : ",") + wanted;
  return out;
}

std::string edit_line(std::string_view line, const std::vector<Field>& fields,
                      const std::string& option) {
  constexpr size_t kKey = 2, kOptions = 3;  // crypttab(5): name, device, key, options
  if (fields.size() > kOptions) {
    const Field& field = fields[kOptions];
    return std::string(line.substr(0, field.begin)) +
           with_option(line.substr(field.begin, field.end - field.begin), option) +
           std::string(line.substr(field.end));
  }
  const size_t end = fields.back().end;
  return std::string(line.substr(0, end)) + (fields.size() <= kKey ? " none " : " ") + option +
         std::string(line.substr(end));
}

}  // namespace

Result<std::string> with_volume_key(const HostPaths& paths, std::string_view crypttab,
                                    const LuksVolume& volume) {
  const std::string option = link_volume_key_option(volume);
  std::string out;
  bool found = false;
  while (!crypttab.empty()) {
    const std::string_view line = crypttab.substr(0, crypttab.find('\n'));
    const bool ended = line.size() < crypttab.size();
    crypttab.remove_prefix(std::min(line.size() + 1, crypttab.size()));
    const auto fields = fields_of(line);
    const bool is_comment = fields.empty() || line[fields[0].begin] == '#';
    if (!is_comment && fields.size() > 1 &&
        is_about(paths, line.substr(fields[1].begin, fields[1].end - fields[1].begin), volume)) {
      out += edit_line(line, fields, option);
      found = true;
    } else {
      out += line;
    }
    if (ended) out += '\n';
  }
  if (!found)
    return Error(Errc::not_found, paths.crypttab() + ": no line is about UUID=" + volume.uuid +
                                      " (" + volume.device +
                                      "), where dumps go: unlock it by this "
                                      "file");
  return out;
}

std::string key_file_of(const HostPaths& paths, std::string_view crypttab,
                        const LuksVolume& volume) {
  constexpr size_t kDevice = 1, kKey = 2;  // crypttab(5): name, device, key, options
  while (!crypttab.empty()) {
    const std::string_view line = crypttab.substr(0, crypttab.find('\n'));
    crypttab.remove_prefix(std::min(line.size() + 1, crypttab.size()));
    const auto fields = fields_of(line);
    if (fields.size() <= kKey || line[fields[0].begin] == '#') continue;
    const auto field = [&](size_t n) {
      return line.substr(fields[n].begin, fields[n].end - fields[n].begin);
    };
    if (!is_about(paths, field(kDevice), volume)) continue;
    std::string key = unquoted(field(kKey));
    // A device holds no key that would be the same after a crash, but for one: nobody's.
    return key.starts_with('/') && !key.starts_with("/dev/") ? key : "";
  }
  return "";
}

bool volume_key_is_handed_over(const HostPaths& paths, const LuksVolume& volume) {
  if (::access(paths.crash_dm_crypt_keys().c_str(), F_OK) != 0) return false;
  const auto text = read_text_file(paths.crypttab());
  if (!text) return false;
  const auto edited = with_volume_key(paths, *text, volume);
  return edited && *edited == *text;
}

int setup_crypttab(const Host& host) {
  const auto fail = [](const std::string& message) {
    log::error(message);
    return 1;
  };
  if (host.machine != "x86_64")
    return fail("setup-crypttab: for x86_64 only, this is " + host.machine);
  if (::access(host.paths.crash_dm_crypt_keys().c_str(), F_OK) != 0)
    return fail(
        host.paths.crash_dm_crypt_keys() +
        ": not there: this kernel cannot hand keys of encrypted disks to the capture kernel "
        "(Linux 6.16 with CONFIG_CRASH_DM_CRYPT can, with configfs mounted)");
  auto loaded = load_settings(host.paths.config_files());
  if (!loaded) return fail(loaded.error().message());
  const auto volumes = luks_volumes(host.paths, loaded->settings);
  if (volumes.empty()) {
    log::info("No LUKS volume is where dumps go: nothing to do");
    return 0;
  }
  const auto before = read_text_file(host.paths.crypttab());
  if (!before) return fail(before.error().message());
  std::string text = *before;
  std::vector<std::string> done;
  for (const LuksVolume& volume : volumes) {
    auto edited = with_volume_key(host.paths, text, volume);
    if (!edited) return fail(edited.error().message());
    done.push_back((*edited == text ? "link-volume-key is there already for UUID="
                                    : "Added link-volume-key for UUID=") +
                   volume.uuid);
    text = *std::move(edited);
  }
  if (text != *before)
    if (auto written = replace_text_file(host.paths.crypttab(), text); !written)
      return fail(written.error().message());
  for (const std::string& sentence : done)
    log::info(sentence);
  if (text == *before) return 0;
  log::info("Success! " + host.paths.crypttab() +
            " has been updated. Make the initramfs anew ('dracut -f --regenerate-all' or "
            "'update-initramfs -u -k all') and reboot.");
  return 0;
}

}  // namespace kdump
