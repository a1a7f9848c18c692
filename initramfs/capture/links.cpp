#include "initramfs/capture/links.h"

#include <algorithm>
#include <linux/if_ether.h>
#include <linux/if_link.h>

#include "initramfs/capture/capture_log.h"
#include "initramfs/plan/link_options.h"

namespace kdump {

namespace {

using std::chrono::seconds;

// VLANs have the address of what they stand on; so has the fast path that a cloud lends its guests
// below their own NIC, which is a slave, but no bond's. A veth pair is the NIC of a container, and
// of tests.
bool is_nic(const Link& link, const std::vector<Link>& links) {
  if (!link.kind.empty() && link.kind != "veth") return false;
  if ((link.flags & IFF_LOOPBACK) != 0) return false;
  if ((link.flags & IFF_SLAVE) == 0) return true;
  const Link* const master = link_at(links, link.master);
  return master && master->kind == "bond";
}

bool has_ports(const std::vector<Link>& links, int index) {
  return std::any_of(links.begin(), links.end(),
                     [index](const Link& link) { return link.master == index; });
}

}  // namespace

std::string ports_of(const InterfacePlan& plan) {
  std::string text;
  for (const std::string& port : plan.ports)
    text += (text.empty() ? "" : ", ") + port;
  return text;
}

void Links::warn(const std::string& text) const {
  if (!again_) say_warning(text);
}

Result<std::optional<Link>> Links::named(const std::string& name) {
  KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
  for (const Link& link : links)
    if (link.name == name) return std::optional(link);
  return std::optional<Link>();
}

Result<int> Links::make(const InterfacePlan& plan, const InterfacePlan* upper) {
  if (!plan.parent.empty()) return vlan(plan);
  if (!plan.kind.empty()) return with_ports(plan);
  // Once a bond works, it is not waited again for a port that is dead.
  seconds limit = at_most(kNicLimit);
  if (upper) {
    KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
    for (const Link& link : links)
      if (link.name == upper->name && has_ports(links, link.index)) limit = seconds(0);
  }
  return nic(plan, limit);
}

// The NIC with the plan's permanent address, under the plan's name.
Result<int> Links::nic(const InterfacePlan& plan, seconds limit) {
  KDUMP_TRY_ASSIGN(const std::string mac, parse_mac(plan.mac));
  std::string seen;
  auto found = wait_for(limit, [&]() -> Result<std::optional<Link>> {
    KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
    seen.clear();
    for (const Link& link : links) {
      if (!is_nic(link, links)) continue;
      if (link.permanent_mac == mac) return std::optional(link);
      seen += (seen.empty() ? "" : ", ") + link.name + " " + mac_text(link.permanent_mac);
    }
    return std::optional<Link>();
  });
  if (!found) return std::move(found).error();
  if (!*found)
    return Error(Errc::not_found, "interface " + plan.name + ": no NIC with MAC address " +
                                      plan.mac + " appeared within " +
                                      std::to_string(limit.count()) +
                                      " s (NICs here: " + (seen.empty() ? "none" : seen) + ")");
  const Link& link = **found;
  if (link.name != plan.name) KDUMP_TRY(rename(link, plan.name));
  return link.index;
}

Result<void> Links::rename(const Link& link, const std::string& name) {
  KDUMP_TRY_ASSIGN(const auto holder, named(name));
  if (holder) KDUMP_TRY(set_name(*holder, "other" + std::to_string(holder->index)));
  return set_name(link, name);
}

Result<void> Links::set_name(const Link& link, const std::string& name) {
  // Old kernels rename only what is down.
  ifinfomsg down = link_header(link.index);
  down.ifi_change = IFF_UP;
  (void)socket_.tell(RouteRequest(RTM_NEWLINK, 0, down), link.name);
  RouteRequest request(RTM_NEWLINK, 0, link_header(link.index));
  request.add(IFLA_IFNAME, name + '\0');
  return socket_.tell(request, link.name + ": naming it " + name);
}

Result<int> Links::vlan(const InterfacePlan& plan) {
  const std::string what = plan.name + ": VLAN " + std::to_string(plan.vlan) + " on " + plan.parent;
  KDUMP_TRY_ASSIGN(const auto present, named(plan.name));
  if (present) return present->index;
  KDUMP_TRY_ASSIGN(const auto parent, named(plan.parent));
  if (!parent) return Error(Errc::not_found, what + ": there is no such interface");
  RouteRequest data;
  data.add(IFLA_VLAN_ID, {reinterpret_cast<const char*>(&plan.vlan), sizeof plan.vlan});
  RouteRequest info;
  info.add(IFLA_INFO_KIND, "vlan");
  info.nest(IFLA_INFO_DATA, data);
  RouteRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header(0));
  request.add(IFLA_IFNAME, plan.name + '\0');
  request.add_number(IFLA_LINK, static_cast<uint32_t>(parent->index));
  request.nest(IFLA_LINKINFO, info);
  auto made = socket_.tell(request, what);
  if (!made && made.error().sys_errno() == EOPNOTSUPP)
    return Error(Errc::unsupported, what + ": the kernel has no VLANs (module 8021q)");
  KDUMP_TRY(made);
  KDUMP_TRY_ASSIGN(const auto link, named(plan.name));
  if (!link) return Error(Errc::not_found, what + ": it vanished");
  return link->index;
}

// A bond or bridge and its ports, as many of them as there are.
Result<int> Links::with_ports(const InterfacePlan& plan) {
  KDUMP_TRY_ASSIGN(auto present, named(plan.name));
  if (present && present->kind != plan.kind) {
    KDUMP_TRY(set_name(*present, "other" + std::to_string(present->index)));
    present.reset();
  }
  KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
  // Module bonding may make a bond0 as it is loaded, which is nothing yet.
  if (!present || !has_ports(links, present->index))
    KDUMP_TRY(make_with_options(plan, links, present ? present->index : 0));
  KDUMP_TRY_ASSIGN(const auto made, named(plan.name));
  if (!made) return Error(Errc::not_found, plan.name + ": it vanished");
  Result<void> taken = Error(Errc::not_found, "interface " + plan.name + ": none of its ports (" +
                                                  ports_of(plan) + ") is there");
  for (const std::string& name : plan.ports) {
    KDUMP_TRY_ASSIGN(const auto port, named(name));
    if (!port) continue;  // which has been told
    auto one = port->master == made->index ? Result<void>() : take_port(plan, *made, *port);
    if (!one && plan.ports.size() > 1) warn(one.error().message());
    if (one || !taken) taken = std::move(one);
  }
  KDUMP_TRY(taken);
  return made->index;
}

// Makes it, or gives the one that is there, without ports, its options.
Result<void> Links::make_with_options(const InterfacePlan& plan, const std::vector<Link>& links,
                                      int present) {
  const std::string what = plan.name + ": " + plan.kind + " over " + ports_of(plan);
  KDUMP_TRY_ASSIGN(const RouteRequest details,
                   link_details(plan, [&links](const std::string& name) {
                     for (const Link& link : links)
                       if (link.name == name) return link.index;
                     return 0;
                   }));
  RouteRequest info;
  info.add(IFLA_INFO_KIND, plan.kind);
  info.nest(IFLA_INFO_DATA, details);
  RouteRequest request(RTM_NEWLINK, present == 0 ? NLM_F_CREATE | NLM_F_EXCL : 0,
                       link_header(present));
  if (present == 0) request.add(IFLA_IFNAME, plan.name + '\0');
  if (!plan.mac.empty()) {
    KDUMP_TRY_ASSIGN(const std::string mac, parse_mac(plan.mac));
    request.add(IFLA_ADDRESS, mac);
  }
  request.nest(IFLA_LINKINFO, info);
  auto made = socket_.tell(request, what);
  if (!made && made.error().sys_errno() == EOPNOTSUPP)
    return Error(Errc::unsupported, what + ": the kernel has no such thing (module " +
                                        (plan.kind == "bond" ? "bonding" : plan.kind) + ")");
  return made;
}

Result<void> Links::take_port(const InterfacePlan& plan, const Link& upper, const Link& port) {
  if (plan.kind == "bond") {
    ifinfomsg down = link_header(port.index);
    down.ifi_change = IFF_UP;
    (void)socket_.tell(RouteRequest(RTM_NEWLINK, 0, down), port.name);
  }
  RouteRequest request(RTM_NEWLINK, 0, link_header(port.index));
  request.add_number(IFLA_MASTER, static_cast<uint32_t>(upper.index));
  return socket_.tell(request, plan.name + ": taking in " + port.name);
}

void Links::set_mtu(const InterfacePlan& plan, int index) {
  if (plan.mtu == 0) return;
  RouteRequest request(RTM_NEWLINK, 0, link_header(index));
  request.add_number(IFLA_MTU, plan.mtu);
  if (const auto set = socket_.tell(request, plan.name + ": MTU " + std::to_string(plan.mtu)); !set)
    warn(set.error().message());
}

}  // namespace kdump
