// The network of the capture kernel: what the healthy host's kernel said of the interfaces,
// addresses and routes that lead to the targets, to be had again as it was, without asking anybody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "makedump/base/result.h"

namespace kdump {

// Lower interfaces come before those that stand on them.
struct InterfacePlan {
  std::string name;                  // on the host, and given again in the capture kernel
  std::string kind;                  // "bond", "bridge"; "" for NICs, and for VLANs
  std::string mac;                   // of a NIC, the permanent one, "52:54:00:12:34:56": how it is
                                     // found again; a bond or bridge is given it ("": it is not)
  uint32_t mtu = 0;                  // 0: as it comes
  std::string parent;                // of a VLAN: name of the interface below
  uint16_t vlan = 0;                 // with `parent`
  std::vector<std::string> ports;    // names of those that a bond or bridge has
  std::vector<std::string> options;  // of a bond or bridge: link_options.h
  std::vector<std::string> addresses;  // "192.0.2.7/24", "2001:db8::7/64"
  bool operator==(const InterfacePlan&) const = default;
};

struct RoutePlan {
  std::string to;   // "192.0.2.0/24", "default", "default6"
  std::string via;  // "" when it is on the link
  std::string interface;
  std::string source;  // preferred source address; "" for none
  bool operator==(const RoutePlan&) const = default;
};

struct NetworkPlan {
  std::vector<InterfacePlan> interfaces;
  std::vector<RoutePlan> routes;

  [[nodiscard]] bool empty() const { return interfaces.empty(); }
  bool operator==(const NetworkPlan&) const = default;
};

// The words of a capture plan's line for each ("name=eth0 mac=… address=…"), and back.
std::vector<std::string> encode(const InterfacePlan& interface);
std::vector<std::string> encode(const RoutePlan& route);
Result<InterfacePlan> decode_interface(const std::vector<std::string>& words);
Result<RoutePlan> decode_route(const std::vector<std::string>& words);

}  // namespace kdump
