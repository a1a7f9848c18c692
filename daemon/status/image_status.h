// The capture image on disk: is it what would be built now?
#pragma once

#include "daemon/host/host.h"
#include "daemon/status/host_status.h"

namespace kdump {

ImageStatus look_at_image(const Host& host);

}  // namespace kdump
