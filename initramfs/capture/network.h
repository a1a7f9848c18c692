// The network of the capture kernel, brought up from the plan by kdump-capture itself.
#pragma once

#include <chrono>
#include <string>

#include "initramfs/capture/supervisor.h"
#include "initramfs/plan/network_plan.h"
#include "makedump/base/result.h"

namespace kdump {

// What leads to `address`, or all of it for "": finds NICs by their MAC addresses, names them as
// planned, sets up links, VLANs, bonds, bridges, addresses and routes. What is there already is
// left as it is, so that every target calls it. Of a bond's ports, some may be missing. The error
// names the interface.
Result<void> bring_up_network(const NetworkPlan& plan, WorkerState& state,
                              const std::string& address = "");

// The same for a network that was up and may have lost a link, or all that was on it (a NIC that
// was reset): nothing is waited for longer than `limit`, and what is no reason to fail is not told.
Result<void> bring_network_back(const NetworkPlan& plan, WorkerState& state,
                                const std::string& address, std::chrono::seconds limit);

// The local address that leads to another one, for {ip} in names; "127.0.0.1" if nothing does.
std::string local_address_towards(const std::string& address);

}  // namespace kdump
