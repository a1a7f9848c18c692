#include "initramfs/capture/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <optional>
#include <set>
#include <thread>

#include "initramfs/capture/capture_log.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kNicLimit{30};      // for a NIC to appear after its driver is loaded
constexpr seconds kCarrierLimit{30};  // negotiating a speed takes some seconds
constexpr seconds kMargin{30};
constexpr milliseconds kPause{20};

// Calls `look` until it gives a value or an error, or nothing for so long.
template <typename Look>
auto wait_for(seconds limit, const Look& look) -> decltype(look()) {
  const auto start = steady_clock::now();
  for (;;) {
    auto found = look();
    if (!found || *found || steady_clock::now() - start >= limit) return found;
    std::this_thread::sleep_for(kPause);
  }
}

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  return header;
}

// VLANs have the address of what they stand on; so has the fast path that a cloud lends its guests
// below their own NIC. A veth pair is the NIC of a container, and of tests.
bool is_nic(const Link& link) {
  return (link.kind.empty() || link.kind == "veth") &&
         (link.flags & (IFF_LOOPBACK | IFF_SLAVE)) == 0;
}

class Network {
 public:
  Network(RouteSocket socket, WorkerState& state) : socket_(std::move(socket)), state_(state) {}

  Result<void> bring_up(const InterfacePlan& plan) {
    state_.doing(("setting up interface " + plan.name).c_str(), kNicLimit + kMargin);
    KDUMP_TRY_ASSIGN(const int index, plan.parent.empty() ? nic(plan) : vlan(plan));
    KDUMP_TRY(set_up(plan, index));
    KDUMP_TRY(wait_for_carrier(plan, index));
    for (const std::string& address : plan.addresses)
      KDUMP_TRY(add_address(plan, index, address));
    return {};
  }

  Result<void> add_route(const RoutePlan& plan) {
    const std::string what = plan.interface + ": route to " + plan.to +
                             (plan.via.empty() ? "" : " by way of " + plan.via);
    KDUMP_TRY_ASSIGN(const auto link, link_named(plan.interface));
    if (!link) return Error(Errc::not_found, what + ": there is no such interface");
    IpPrefix to;
    if (plan.to == "default" || plan.to == "default6") {
      to.address.family = plan.to == "default" ? AF_INET : AF_INET6;
    } else {
      KDUMP_TRY_ASSIGN(to, parse_prefix(plan.to));
    }
    rtmsg header{};
    header.rtm_family = static_cast<unsigned char>(to.address.family);
    header.rtm_dst_len = to.length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = RTPROT_STATIC;
    header.rtm_type = RTN_UNICAST;
    header.rtm_scope = plan.via.empty() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    // The router need not be within a prefix of ours: that it is on this link is known.
    if (!plan.via.empty()) header.rtm_flags = RTNH_F_ONLINK;
    RouteRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header);
    if (to.length != 0) request.add(RTA_DST, to.address.bytes);
    request.add_number(RTA_OIF, static_cast<uint32_t>(link->index));
    if (!plan.source.empty()) {
      KDUMP_TRY_ASSIGN(const IpAddress source, parse_ip(plan.source));
      request.add(RTA_PREFSRC, source.bytes);
    }
    if (!plan.via.empty()) {
      KDUMP_TRY_ASSIGN(const IpAddress via, parse_ip(plan.via));
      add_gateway(request, via, to.address.family);
    }
    return socket_.tell(request, what);
  }

  // Nothing waits for it.
  void set_up_loopback() {
    const auto link = link_named("lo");
    if (link && *link) (void)set_flags_up((*link)->index, "lo: setting it up");
  }

 private:
  static void add_gateway(RouteRequest& request, const IpAddress& via, int family) {
    if (via.family == family) return request.add(RTA_GATEWAY, via.bytes);
    const auto number = static_cast<uint16_t>(via.family);
    std::string bytes(reinterpret_cast<const char*>(&number), sizeof number);
    request.add(RTA_VIA, bytes + via.bytes);
  }

  Result<std::optional<Link>> link_named(const std::string& name) {
    KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
    for (const Link& link : links)
      if (link.name == name) return std::optional(link);
    return std::optional<Link>();
  }

  // The NIC with the plan's permanent address, under the plan's name.
  Result<int> nic(const InterfacePlan& plan) {
    KDUMP_TRY_ASSIGN(const std::string mac, parse_mac(plan.mac));
    std::string seen;
    auto found = wait_for(kNicLimit, [&]() -> Result<std::optional<Link>> {
      KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
      seen.clear();
      for (const Link& link : links) {
        if (!is_nic(link)) continue;
        if (link.permanent_mac == mac) return std::optional(link);
        seen += (seen.empty() ? "" : ", ") + link.name + " " + mac_text(link.permanent_mac);
      }
      return std::optional<Link>();
    });
    if (!found) return std::move(found).error();
    if (!*found)
      return Error(Errc::not_found, "interface " + plan.name + ": no NIC with MAC address " +
                                        plan.mac + " appeared within " +
                                        std::to_string(kNicLimit.count()) +
                                        " s (NICs here: " + (seen.empty() ? "none" : seen) + ")");
    const Link& link = **found;
    if (link.name != plan.name) KDUMP_TRY(rename(link, plan.name));
    return link.index;
  }

  Result<void> rename(const Link& link, const std::string& name) {
    KDUMP_TRY_ASSIGN(const auto holder, link_named(name));
    if (holder) KDUMP_TRY(set_name(*holder, "other" + std::to_string(holder->index)));
    return set_name(link, name);
  }

  Result<void> set_name(const Link& link, const std::string& name) {
    // Old kernels rename only what is down.
    ifinfomsg down = link_header(link.index);
    down.ifi_change = IFF_UP;
    (void)socket_.tell(RouteRequest(RTM_NEWLINK, 0, down), link.name);
    RouteRequest request(RTM_NEWLINK, 0, link_header(link.index));
    request.add(IFLA_IFNAME, name + '\0');
    return socket_.tell(request, link.name + ": naming it " + name);
  }

  Result<int> vlan(const InterfacePlan& plan) {
    const std::string what =
        plan.name + ": VLAN " + std::to_string(plan.vlan) + " on " + plan.parent;
    KDUMP_TRY_ASSIGN(const auto present, link_named(plan.name));
    if (present) return present->index;
    KDUMP_TRY_ASSIGN(const auto parent, link_named(plan.parent));
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
    KDUMP_TRY_ASSIGN(const auto link, link_named(plan.name));
    if (!link) return Error(Errc::not_found, what + ": it vanished");
    return link->index;
  }

  Result<void> set_up(const InterfacePlan& plan, int index) {
    // Whether somebody else has our addresses was found out by the healthy host, and a second of
    // silence is a second later; routers have nothing to tell that is not planned.
    const std::string settings = "/proc/sys/net/ipv6/conf/" + plan.name + "/";
    for (const char* setting : {"accept_dad", "dad_transmits", "accept_ra"})
      (void)write_existing_file(settings + setting, "0");
    if (plan.mtu != 0) {
      RouteRequest request(RTM_NEWLINK, 0, link_header(index));
      request.add_number(IFLA_MTU, plan.mtu);
      if (const auto set = socket_.tell(request, plan.name + ": MTU " + std::to_string(plan.mtu));
          !set)
        say_warning(set.error().message());
    }
    return set_flags_up(index, plan.name + ": setting it up");
  }

  Result<void> set_flags_up(int index, const std::string& what) {
    ifinfomsg up = link_header(index);
    up.ifi_flags = IFF_UP;
    up.ifi_change = IFF_UP;
    return socket_.tell(RouteRequest(RTM_NEWLINK, 0, up), what);
  }

  Result<void> wait_for_carrier(const InterfacePlan& plan, int index) {
    state_.doing(("waiting for the carrier of " + plan.name).c_str(), kCarrierLimit + kMargin);
    auto there = wait_for(kCarrierLimit, [&]() -> Result<std::optional<bool>> {
      KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
      for (const Link& link : links)
        if (link.index == index && link.carrier) return std::optional(true);
      return std::optional<bool>();
    });
    if (!there) return std::move(there).error();
    if (!*there)
      return Error(Errc::timed_out, "interface " + plan.name + " (" + plan.mac +
                                        "): no carrier within " +
                                        std::to_string(kCarrierLimit.count()) +
                                        " s: is the cable in, and the switch port up?");
    return {};
  }

  Result<void> add_address(const InterfacePlan& plan, int index, const std::string& text) {
    KDUMP_TRY_ASSIGN(const IpPrefix prefix, parse_prefix(text));
    ifaddrmsg header{};
    header.ifa_family = static_cast<unsigned char>(prefix.address.family);
    header.ifa_prefixlen = prefix.length;
    header.ifa_index = static_cast<unsigned>(index);
    header.ifa_flags = prefix.address.family == AF_INET6 ? IFA_F_NODAD : 0;
    RouteRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, header);
    request.add(IFA_LOCAL, prefix.address.bytes);
    request.add(IFA_ADDRESS, prefix.address.bytes);
    if (prefix.address.family == AF_INET && prefix.length < 31) {
      std::string broadcast = prefix.address.bytes;
      for (unsigned bit = prefix.length; bit < 32; ++bit)
        broadcast[bit / 8] = static_cast<char>(broadcast[bit / 8] | (0x80 >> (bit % 8)));
      request.add(IFA_BROADCAST, broadcast);
    }
    auto added = socket_.tell(request, plan.name + ": address " + text);
    if (!added && added.error().sys_errno() == EEXIST) return {};
    return added;
  }

  RouteSocket socket_;
  WorkerState& state_;
};

// Names of the interfaces that lead to the address, and of those below them.
std::set<std::string> leading_to(const NetworkPlan& plan, const std::string& address) {
  std::set<std::string> names;
  const auto wanted = parse_ip(address);
  for (const RoutePlan& route : plan.routes) {
    const auto to = parse_prefix(route.to);
    if (!wanted || (to && to->address == *wanted)) names.insert(route.interface);
  }
  for (auto it = plan.interfaces.rbegin(); it != plan.interfaces.rend(); ++it)
    if (names.count(it->name) != 0 && !it->parent.empty()) names.insert(it->parent);
  return names;
}

}  // namespace

Result<void> bring_up_network(const NetworkPlan& plan, WorkerState& state,
                              const std::string& address) {
  if (plan.empty()) return {};
  KDUMP_TRY_ASSIGN(RouteSocket socket, RouteSocket::open());
  Network network(std::move(socket), state);
  network.set_up_loopback();
  const std::set<std::string> wanted = leading_to(plan, address);
  for (const InterfacePlan& interface : plan.interfaces)
    if (wanted.count(interface.name) != 0) KDUMP_TRY(network.bring_up(interface));
  for (const RoutePlan& route : plan.routes) {
    if (wanted.count(route.interface) == 0) continue;
    if (auto added = network.add_route(route); !added) {
      // Without the way to the target there is nothing to try; others are a help.
      const auto to = parse_prefix(route.to);
      const auto target = parse_ip(address);
      if (!target || (to && to->address == *target)) return added;
      say_warning(added.error().message());
    }
  }
  return {};
}

std::string local_address_towards(const std::string& address) {
  constexpr char kNone[] = "127.0.0.1";
  const auto to = parse_ip(address);
  if (!to) return kNone;
  sockaddr_in there4{};
  sockaddr_in6 there6{};
  constexpr in_port_t kAnyPort = 9;
  there4.sin_family = AF_INET;
  there4.sin_port = htons(kAnyPort);
  to->bytes.copy(reinterpret_cast<char*>(&there4.sin_addr), sizeof there4.sin_addr);
  there6.sin6_family = AF_INET6;
  there6.sin6_port = htons(kAnyPort);
  to->bytes.copy(reinterpret_cast<char*>(&there6.sin6_addr), sizeof there6.sin6_addr);
  if (const size_t percent = address.find('%'); percent != std::string::npos)
    there6.sin6_scope_id = ::if_nametoindex(address.c_str() + percent + 1);
  const bool is4 = to->family == AF_INET;
  const auto* there =
      is4 ? reinterpret_cast<const sockaddr*>(&there4) : reinterpret_cast<const sockaddr*>(&there6);
  const socklen_t size = is4 ? sizeof there4 : sizeof there6;
  // Connecting a datagram socket sends nothing: the kernel chooses the address.
  const Fd fd(::socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in local4{};
  sockaddr_in6 local6{};
  auto* local = is4 ? reinterpret_cast<sockaddr*>(&local4) : reinterpret_cast<sockaddr*>(&local6);
  socklen_t length = size;
  if (!fd || ::connect(fd.get(), there, size) != 0 || ::getsockname(fd.get(), local, &length) != 0)
    return kNone;
  IpAddress own{to->family, {}};
  own.bytes = is4 ? std::string(reinterpret_cast<const char*>(&local4.sin_addr), 4)
                  : std::string(reinterpret_cast<const char*>(&local6.sin6_addr), 16);
  return text_of(own);
}

}  // namespace kdump
