#include "initramfs/image/freshness.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

using Lines = std::map<std::string, std::string>;

// The capture plan has one setting a line: key, blank, value.
Lines lines_of(const std::string& plan) {
  Lines lines;
  std::istringstream in(plan);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    const size_t blank = std::min(line.find(' '), line.size());
    std::string& value = lines[line.substr(0, blank)];
    // A key may come several times.
    if (!value.empty()) value += ", ";
    value += line.substr(std::min(blank + 1, line.size()));
  }
  return lines;
}

void compare_plans(const std::string& was, const std::string& is,
                   std::vector<std::string>& reasons) {
  if (was == is) return;
  const size_t before = reasons.size();
  const Lines old_lines = lines_of(was);
  Lines new_lines = lines_of(is);
  for (const auto& [key, value] : old_lines) {
    const auto now = new_lines.find(key);
    if (now == new_lines.end())
      reasons.push_back(key + " was " + value + ", and is not set any more");
    else if (now->second != value)
      reasons.push_back(key + " was " + value + ", and is " + now->second);
    new_lines.erase(key);
  }
  for (const auto& [key, value] : new_lines)
    reasons.push_back(key + " is " + value + ", and was not set");
  if (reasons.size() == before) reasons.emplace_back("the order of the capture plan changed");
}

void compare_files(const ImageRecord& was, const ImageRecord& is,
                   std::vector<std::string>& reasons) {
  std::map<std::string, const RecordedFile*> old_files;
  for (const RecordedFile& file : was.files)
    old_files[file.image_path] = &file;
  const size_t before = reasons.size();
  for (const RecordedFile& file : is.files) {
    const auto found = old_files.find(file.image_path);
    if (found == old_files.end()) {
      reasons.push_back(file.kind + " " + file.source + " is needed now");
      continue;
    }
    const RecordedFile& old = *found->second;
    if (old.digest != file.digest)
      reasons.push_back(file.source + " changed");
    else if (old.options != file.options)
      reasons.push_back(file.source + ": its options were '" + old.options + "', and are '" +
                        file.options + "'");
    else if (old.source != file.source)
      reasons.push_back(old.source + " is " + file.source + " now");
    else if (old != file)
      reasons.push_back(file.source + " goes into the image in another way");
    old_files.erase(found);
  }
  for (const auto& [path, file] : old_files)
    reasons.push_back(file->kind + " " + file->source + " is not needed any more");
  if (reasons.size() == before && was.files != is.files)
    reasons.emplace_back("modules are loaded in another order");
}

}  // namespace

std::vector<std::string> differences(const ImageRecord& was, const ImageRecord& is) {
  std::vector<std::string> reasons;
  if (was.builder != is.builder)
    reasons.push_back("it was built by " + was.builder + ", and this is " + is.builder);
  if (was.kernel_release != is.kernel_release)
    reasons.push_back("it was built for kernel " + was.kernel_release + ", not for " +
                      is.kernel_release);
  if (was.packing != is.packing)
    reasons.push_back("its packing was " + was.packing + ", and is " + is.packing);
  compare_plans(was.plan, is.plan, reasons);
  compare_files(was, is, reasons);
  return reasons;
}

Result<Freshness> image_freshness(const ImageRecipe& recipe, const std::string& path) {
  Freshness freshness;
  const auto image = verify_image(path);
  if (!image) {
    const Errc code = image.error().code();
    if (code != Errc::not_found && code != Errc::bad_input) return image.error();
    freshness.missing = code == Errc::not_found;
    freshness.reasons.push_back(freshness.missing ? path + " is not there"
                                                  : image.error().message());
    return freshness;
  }
  freshness.usable = true;
  if (!image->record) {
    freshness.reasons.push_back(path + ": was not built by kdumpd");
    return freshness;
  }
  KDUMP_TRY_ASSIGN(const ImageRecord now, record_of(recipe));
  freshness.reasons = differences(*image->record, as_recorded(now));
  return freshness;
}

}  // namespace kdump
