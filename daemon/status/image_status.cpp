#include "daemon/status/image_status.h"

#include <sys/stat.h>

namespace kdump {

ImageStatus look_at_image(const Host& host) {
  ImageStatus image;
  image.path = host.paths.image(host.release);
  struct stat info {};
  if (::stat(image.path.c_str(), &info) != 0) {
    image.state = errno == ENOENT ? ImageStatus::State::missing : ImageStatus::State::unknown;
    image.reasons = {Error::from_errno(image.path).message()};
    return image;
  }
  image.bytes = static_cast<uint64_t>(info.st_size);
  image.built_at = info.st_mtime;
  image.reasons = {"this version does not compare what is in it"};
  return image;
}

}  // namespace kdump
