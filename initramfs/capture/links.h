// The interfaces of the capture kernel: NICs found by their MAC addresses, and VLANs, bonds and
// bridges made upon them. What is there already is left as it is.
#pragma once

#include <chrono>
#include <net/if.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "initramfs/plan/network_plan.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/result.h"

namespace kdump {

// Calls `look` until it gives a value or an error, or nothing for so long.
template <typename Look>
auto wait_for(std::chrono::seconds limit, const Look& look) -> decltype(look()) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    auto found = look();
    if (!found || *found || std::chrono::steady_clock::now() - start >= limit) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

inline ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  return header;
}

inline const Link* link_at(const std::vector<Link>& links, int index) {
  for (const Link& link : links)
    if (link.index == index) return &link;
  return nullptr;
}

inline constexpr std::chrono::seconds kNicLimit{30};  // to appear after its driver is loaded

class Links {
 public:
  // `again`: nothing is waited for longer, and no warnings are given.
  Links(RouteSocket& socket, std::optional<std::chrono::seconds> again)
      : socket_(socket), again_(again) {}

  // Index of the planned interface. `upper`: the bond or bridge that it is to be a port of, if any.
  Result<int> make(const InterfacePlan& plan, const InterfacePlan* upper);
  void set_mtu(const InterfacePlan& plan, int index);
  Result<std::optional<Link>> named(const std::string& name);

  [[nodiscard]] std::chrono::seconds at_most(std::chrono::seconds limit) const {
    return std::min(limit, again_.value_or(limit));
  }
  void warn(const std::string& text) const;

 private:
  Result<int> nic(const InterfacePlan& plan, std::chrono::seconds limit);
  Result<int> vlan(const InterfacePlan& plan);
  Result<int> with_ports(const InterfacePlan& plan);
  Result<void> rename(const Link& link, const std::string& name);
  Result<void> set_name(const Link& link, const std::string& name);
  Result<void> make_with_options(const InterfacePlan& plan, const std::vector<Link>& links,
                                 int present);
  Result<void> take_port(const InterfacePlan& plan, const Link& upper, const Link& port);

  RouteSocket& socket_;
  const std::optional<std::chrono::seconds> again_;
};

// "eth0, eth1"
std::string ports_of(const InterfacePlan& plan);

}  // namespace kdump
