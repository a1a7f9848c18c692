#include "daemon/status/image_status.h"

#include <sys/stat.h>

#include "daemon/arm/arm.h"

namespace kdump {

ImageStatus look_at_image(const Host& host) {
  ImageStatus image;
  image.path = host.paths.image(configured_release(host));
  struct stat info {};
  if (::stat(image.path.c_str(), &info) != 0) {
    image.state = errno == ENOENT ? ImageStatus::State::missing : ImageStatus::State::unknown;
    image.reasons = {Error::from_errno(image.path).message()};
    return image;
  }
  image.bytes = static_cast<uint64_t>(info.st_size);
  image.built_at = info.st_mtime;
  const auto plan = plan_arming(host);
  auto freshness = plan ? planned_freshness(host, *plan) : Result<Freshness>(plan.error());
  if (!freshness) {
    image.reasons = {freshness.error().message()};
    return image;
  }
  image.state = freshness->fresh() ? ImageStatus::State::fresh : ImageStatus::State::stale;
  image.reasons = std::move(freshness->reasons);
  return image;
}

}  // namespace kdump
