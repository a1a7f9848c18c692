#include "config/sysconfig.h"

namespace kdump {

Result<Sysconfig> parse_sysconfig(std::string_view /*text*/, const std::string& /*name*/) {
  return Sysconfig{};
}

Result<Sysconfig> load_sysconfig(const std::string& /*file*/) {
  return Sysconfig{};
}

}  // namespace kdump
