// The network of the capture kernel, as far as the healthy host knows it: which interfaces,
// addresses and routes lead to the remote targets now.
#pragma once

#include <string>
#include <vector>

#include "initramfs/image/host_interfaces.h"
#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/network_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// Resolves the host of every remote target to its `address` (one that is there already stays), and
// returns what leads there, to the disks that the network brings and to `others` (hosts that the
// capture is to reach as well: nodes of a cluster). Addresses that came by DHCP are taken as they
// are.
//
// Errc::unsupported with interface and reason when the native image cannot have that network; the
// addresses are set by then, so that an image which brings up its network itself can go on.
Result<NetworkPlan> plan_network(std::vector<TargetPlan>& targets,
                                 const std::vector<std::string>& others = {},
                                 const HostFolders& where = {});

// Why the native image cannot reach these targets, as plan_network() says it: Open vSwitch,
// wireless, tunnels, InfiniBand and the like are assembled by userspace.
Result<void> check_native_network(std::vector<TargetPlan> targets);

// The numeric address of a host: of several, one that is the same every time it is asked for.
Result<std::string> resolve_host(const std::string& host);

}  // namespace kdump
