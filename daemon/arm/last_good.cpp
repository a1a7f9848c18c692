#include "daemon/arm/last_good.h"

#include <unistd.h>

#include "makedump/base/fd.h"

namespace kdump {

Result<void> remember_last_good(const Host& host, const CrashImage& image) {
  const std::string kept = host.paths.last_good_image(host.release);
  if (image.initrd != kept) {  // else the last good one was loaded once more
    const std::string temporary = kept + ".new";
    (void)::unlink(temporary.c_str());
    if (::link(image.initrd.c_str(), temporary.c_str()) != 0)
      return Error::from_errno(temporary + ": link");
    // rename(2) does nothing, and leaves both names, when they are links to one file already.
    const bool renamed = ::rename(temporary.c_str(), kept.c_str()) == 0;
    auto error = Error::from_errno(kept + ": rename");
    (void)::unlink(temporary.c_str());
    if (!renamed) return error;
  }
  return publish_file(host.paths.last_good_command_line(host.release),
                      as_bytes(image.command_line + "\n"), 0600);
}

std::optional<CrashImage> last_good(const Host& host, const std::string& kernel) {
  const std::string kept = host.paths.last_good_image(host.release);
  auto command_line = read_text_file(host.paths.last_good_command_line(host.release));
  if (!command_line || ::access(kept.c_str(), R_OK) != 0) return std::nullopt;
  command_line->resize(std::min(command_line->find('\n'), command_line->size()));
  return CrashImage{kernel, kept, *std::move(command_line)};
}

}  // namespace kdump
