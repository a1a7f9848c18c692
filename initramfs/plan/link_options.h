// What a copy of a bond or a bridge has to have of it: words of the plan ("mode=active-backup",
// "miimon=100") here, attributes of rtnetlink (IFLA_INFO_DATA) there. Numbers are the kernel's.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "initramfs/plan/network_plan.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/result.h"

namespace kdump {

// `primary`: name of the port that the bond prefers, "" for none. A bond that nobody watches over
// gets what watches links: its first port may be the one that is dead.
std::vector<std::string> bond_options(const RouteAttributes& details, const std::string& primary);

// With several ports, a spanning tree that the host takes part in stays, as the last among equals:
// the network would have loops without it. One port cannot make any, and need not wait.
std::vector<std::string> bridge_options(const RouteAttributes& details, bool several_ports);

// "" if it is not set.
std::string option_of(const InterfacePlan& interface, std::string_view name);
unsigned long number_of(const InterfacePlan& interface, std::string_view name);

// IFLA_INFO_DATA of the options; `index_of` finds interfaces by name (0: there is none).
Result<RouteRequest> link_details(const InterfacePlan& interface,
                                  const std::function<int(const std::string&)>& index_of);

}  // namespace kdump
