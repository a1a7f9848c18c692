// Interfaces of the healthy host as the capture kernel is to have them again: a NIC, what stands on
// it (VLANs), and what it is a port of (bonds, bridges, teams).
#pragma once

#include <string>
#include <vector>

#include "initramfs/plan/network_plan.h"
#include "makedump/base/result.h"

namespace kdump {

struct Link;

// A bridge for which `pvid` counts (rtnetlink.h), its own and those of its ports.
bool filters_vlans(const Link& link);

struct HostFolders {
  std::string sysfs = "/sys", proc = "/proc";
};

// Adds interface `index` to the plan, behind all that it stands on, unless it is there already;
// returns its name. Of a bridge, the ports of guests and containers are left out: they lead nowhere
// that a dead host could go. Errc::unsupported with interface and reason for what the native image
// cannot set up.
Result<std::string> copy_interface(const std::vector<Link>& links, int index,
                                   const HostFolders& where, NetworkPlan& plan);

// What the daemon of a team (teamd) was started with decides what the team does: options of the
// bond that does the same. The error says what is not known.
Result<std::vector<std::string>> bond_options_of_team(const std::string& team,
                                                      const std::string& proc);
// The same of its configuration (JSON), told as `where`.
Result<std::vector<std::string>> bond_options_of_teamd(const std::string& configuration,
                                                       const std::string& where);

}  // namespace kdump
