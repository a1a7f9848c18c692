#include "config/settings.h"

namespace kdump {

std::string Target::describe() const {
  switch (kind) {
    case TargetKind::path:
      return "path " + path;
    case TargetKind::filesystem:
      return type + " " + device;
    case TargetKind::raw:
      return "raw " + device;
    case TargetKind::nfs:
      return "nfs " + nfs_source;
    case TargetKind::ssh:
    case TargetKind::sftp: {
      const std::string where = host.find(':') == std::string::npos ? host : "[" + host + "]";
      return (kind == TargetKind::ssh ? "ssh " : "sftp ") + user + "@" + where;
    }
  }
  return "";
}

Result<CommandLineSettings> command_line_settings(const Settings& settings,
                                                  std::string_view machine) {
  KDUMP_TRY_ASSIGN(CommandLineSettings out, default_command_line_settings(machine));
  const Sysconfig& sysconfig = settings.sysconfig;
  out.base = sysconfig.command_line;
  if (sysconfig.remove) out.remove = *sysconfig.remove;
  if (sysconfig.append) out.append = *sysconfig.append;
  return out;
}

}  // namespace kdump
