#include "initramfs/image/module_file.h"

#include <array>
#include <utility>

#include "makedump/base/fd.h"
#include "makedump/compress/unpack.h"

namespace kdump {

namespace {

// The largest module known (amdgpu with debug information) has some 300 MB.
constexpr size_t kLargestModule = size_t{1} << 30;

constexpr std::array<std::pair<std::string_view, Packing>, 3> kEndings = {{
    {".xz", Packing::xz},
    {".gz", Packing::gzip},
    {".zst", Packing::zstd},
}};

}  // namespace

Result<std::vector<std::byte>> read_module_file(const std::string& path) {
  KDUMP_TRY_ASSIGN(const std::string text, read_text_file(path, kLargestModule));
  const Bytes bytes = as_bytes(text);
  for (const auto& [ending, packing] : kEndings) {
    if (!path.ends_with(ending)) continue;
    auto content = unpack(packing, bytes, kLargestModule);
    if (!content) return std::move(content).error().context(path);
    return content;
  }
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

std::string unpacked_name(const std::string& path) {
  for (const auto& [ending, packing] : kEndings)
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  return path;
}

}  // namespace kdump
