#include "daemon/arm/last_good.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/arm/kernel_image.h"
#include "initramfs/image/digest.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Files that no set names any more: of earlier sets, and of a run that was killed.
void remove_others(const Host& host, const std::string& kernel, const std::string& image) {
  const std::string prefix = fs::path(host.paths.last_good_image("")).stem();
  std::error_code failed;
  for (fs::directory_iterator it(host.paths.state(), failed), end; !failed && it != end;
       it.increment(failed)) {
    const fs::path& path = it->path();
    if (path.filename().string().starts_with(prefix) && path != kernel && path != image)
      (void)::unlink(path.c_str());
  }
}

Result<void> keep_kernel(const std::string& kernel, const std::string& digest,
                         const std::string& copy) {
  if (const auto kept = file_digest(copy); kept && kept->digest == digest) return {};
  KDUMP_TRY_ASSIGN(const std::string content, read_text_file(kernel, kLargestKernelFile));
  if (content_digest(as_bytes(content)) != digest)
    return Error(Errc::bad_input, kernel + ": was changed while it was loaded");
  return publish_file(copy, as_bytes(content), 0600);
}

}  // namespace

Result<void> remember_last_good(const Host& host, const Holding& loaded) {
  const std::string kernel = host.paths.last_good_kernel(loaded.kernel_digest);
  const std::string image = host.paths.last_good_image(loaded.image_digest);
  KDUMP_TRY(keep_kernel(loaded.kernel, loaded.kernel_digest, kernel));
  if (::link(loaded.image.c_str(), image.c_str()) != 0 && errno != EEXIST)
    return Error::from_errno(image + ": link");
  const json value = {{"kernel", kernel},
                      {"kernel_digest", loaded.kernel_digest},
                      {"image", image},
                      {"image_digest", loaded.image_digest},
                      {"command_line", loaded.command_line}};
  const std::string text = value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  KDUMP_TRY(publish_file(host.paths.last_good(), as_bytes(text), 0600));
  remove_others(host, kernel, image);
  return {};
}

std::optional<CrashImage> last_good(const Host& host) {
  const auto text = read_text_file(host.paths.last_good());
  if (!text) return std::nullopt;
  const json value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  CrashImage image;
  try {
    value.at("kernel").get_to(image.kernel);
    value.at("kernel_digest").get_to(image.kernel_digest);
    value.at("image").get_to(image.initrd);
    value.at("image_digest").get_to(image.initrd_digest);
    value.at("command_line").get_to(image.command_line);
  } catch (const json::exception&) {
    return std::nullopt;
  }
  for (const std::string& path : {image.kernel, image.initrd})
    if (::access(path.c_str(), R_OK) != 0) return std::nullopt;
  return image;
}

}  // namespace kdump
