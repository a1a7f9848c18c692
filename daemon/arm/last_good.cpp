#include "daemon/arm/last_good.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Links that no set names any more: of earlier sets, and of a run that was killed.
void remove_other_links(const Host& host, const std::string& kept) {
  const std::string prefix = fs::path(host.paths.last_good_image("")).stem();
  std::error_code failed;
  for (fs::directory_iterator it(host.paths.state(), failed), end; !failed && it != end;
       it.increment(failed)) {
    const fs::path& path = it->path();
    if (path.filename().string().starts_with(prefix) && path.extension() == ".img" && path != kept)
      (void)::unlink(path.c_str());
  }
}

}  // namespace

Result<void> remember_last_good(const Host& host, const CrashImage& image,
                                const std::string& image_digest) {
  const std::string kept = host.paths.last_good_image(image_digest);
  if (::link(image.initrd.c_str(), kept.c_str()) != 0 && errno != EEXIST)
    return Error::from_errno(kept + ": link");
  const json value = {{"kernel", image.kernel},
                      {"image", kept},
                      {"image_digest", image_digest},
                      {"command_line", image.command_line}};
  const std::string text = value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  KDUMP_TRY(publish_file(host.paths.last_good(), as_bytes(text), 0600));
  remove_other_links(host, kept);
  return {};
}

std::optional<CrashImage> last_good(const Host& host) {
  const auto text = read_text_file(host.paths.last_good());
  if (!text) return std::nullopt;
  const json value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  CrashImage image;
  try {
    value.at("kernel").get_to(image.kernel);
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
