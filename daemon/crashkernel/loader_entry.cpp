#include "daemon/crashkernel/loader_entry.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlanks = " \t";

// "options  ro quiet" → "options", "ro quiet".
std::pair<std::string_view, std::string_view> split_line(std::string_view line) {
  const size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
  size_t value = std::min(line.find_first_not_of(kBlanks, end), line.size());
  return {line.substr(begin, end - begin), line.substr(value)};
}

// What GRUB puts in for $kernelopts (RHEL 8): a variable of grubenv.
std::string grub_variable(const HostPaths& paths, const std::string& name) {
  for (const char* file : {"/grub2/grubenv", "/grub/grubenv"}) {
    const auto text = read_text_file(paths.boot() + file);
    if (!text) continue;
    const std::string key = "\n" + name + "=";
    const size_t at = text->find(key);
    if (at == std::string::npos) continue;
    const size_t begin = at + key.size();
    return text->substr(begin, text->find('\n', begin) - begin);
  }
  return "";
}

std::string expanded(const HostPaths& paths, std::string options) {
  constexpr std::string_view kVariable = "$kernelopts";
  const size_t at = options.find(kVariable);
  if (at != std::string::npos)
    options.replace(at, kVariable.size(), grub_variable(paths, "kernelopts"));
  return options;
}

// Where the entry's paths begin.
std::string kernel_on_host(const HostPaths& paths, const std::string& boot_root,
                           const std::string& kernel) {
  const std::string path = kernel.starts_with('/') ? kernel : "/" + kernel;
  for (const std::string& prefix : {boot_root, std::string(), std::string("/boot")})
    if (::access((paths.root + prefix + path).c_str(), F_OK) == 0) return prefix + path;
  return boot_root + path;
}

LoaderEntry parse(const HostPaths& paths, const std::string& boot_root, std::string file,
                  std::string text) {
  LoaderEntry loader;
  BootEntry& entry = loader.entry;
  std::string_view rest = text;
  std::string version;
  size_t number = 0, options_line = 0;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    const auto [key, value] = split_line(line);
    if (key == "title") entry.title = value;
    if (key == "version") version = value;
    if (key == "linux") entry.kernel = kernel_on_host(paths, boot_root, std::string(value));
    if (key != "options") continue;
    entry.options += (entry.options.empty() ? "" : " ") + std::string(value);
    options_line = number;
  }
  entry.options = expanded(paths, std::move(entry.options));
  entry.id = fs::path(file).stem().string();
  entry.release = release_of_kernel(entry.kernel);
  if (entry.release.empty()) entry.release = version;
  entry.where = file + (options_line == 0 ? "" : ":" + std::to_string(options_line));
  loader.file = std::move(file);
  loader.text = std::move(text);
  return loader;
}

}  // namespace

Result<std::vector<LoaderEntry>> read_loader_entries(const HostPaths& paths) {
  std::vector<LoaderEntry> entries;
  std::vector<fs::path> seen;
  for (const char* boot_root : {"/boot", "/efi", "/boot/efi"}) {
    std::error_code failed;
    const fs::path folder = fs::canonical(paths.root + boot_root + "/loader/entries", failed);
    if (failed || std::find(seen.begin(), seen.end(), folder) != seen.end()) continue;
    seen.push_back(folder);
    for (const auto& item : fs::directory_iterator(folder, failed)) {
      if (item.path().extension() != ".conf") continue;
      KDUMP_TRY_ASSIGN(std::string text, read_text_file(item.path().string()));
      LoaderEntry entry = parse(paths, boot_root, item.path().string(), std::move(text));
      if (!entry.entry.kernel.empty()) entries.push_back(std::move(entry));
    }
    if (failed) return Error::from_errno(folder.string(), failed.value());
  }
  std::sort(entries.begin(), entries.end(), [](const LoaderEntry& a, const LoaderEntry& b) {
    return ::strverscmp(a.entry.id.c_str(), b.entry.id.c_str()) > 0;
  });
  return entries;
}

std::string edit_loader_entry(std::string_view text, const std::vector<ParameterEdit>& edits) {
  std::string result(text);
  for (const ParameterEdit& edit : edits) {
    std::string out;
    size_t last_options = std::string::npos;  // end of the last such line in `out`
    bool placed = !edit.value;
    std::string_view rest = result;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      const bool ended = line.size() < rest.size();
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (split_line(line).first != "options") {
        out += line;
      } else {
        const bool there = last_parameter(line, edit.name).has_value();
        // One line gets it, the others lose it.
        if (there) {
          out += edit_parameters(line, {{edit.name, placed ? std::nullopt : edit.value}});
          placed = true;
        } else {
          out += line;
        }
        last_options = out.size();
      }
      if (ended) out += '\n';
    }
    if (!placed && last_options != std::string::npos) {
      out.insert(last_options, " " + edit.name + "=" + *edit.value);
    } else if (!placed) {
      if (!out.empty() && !out.ends_with('\n')) out += '\n';
      out += "options " + edit.name + "=" + *edit.value + "\n";
    }
    result = std::move(out);
  }
  return result;
}

}  // namespace kdump
