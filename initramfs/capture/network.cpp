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
#include "initramfs/capture/links.h"
#include "initramfs/plan/link_options.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kCarrierLimit{30};  // negotiating a speed takes some seconds
constexpr seconds kLongestDelay{60};  // more than that, for a spanning tree or an updelay
constexpr seconds kLacpLimit{10};     // for a switch to answer
constexpr seconds kMargin{30};

// How long its carrier may take at most.
seconds carrier_limit(const InterfacePlan& plan) {
  const milliseconds delay(number_of(plan, "updelay"));
  // Of a spanning tree: two states of so long each, in hundredths of a second.
  const milliseconds listening(20 * number_of(plan, "forward_delay"));
  return kCarrierLimit +
         std::min(kLongestDelay, std::chrono::duration_cast<seconds>(delay + listening));
}

class Network {
 public:
  Network(RouteSocket& socket, WorkerState& state, std::optional<seconds> again)
      : socket_(socket), state_(state), links_(socket, again) {}

  void warn(const std::string& text) const { links_.warn(text); }

  // `upper`: the bond or bridge that it is to be a port of, if any.
  Result<void> bring_up(const InterfacePlan& plan, const InterfacePlan* upper) {
    state_.doing(("setting up interface " + plan.name).c_str(), kNicLimit + kMargin);
    KDUMP_TRY_ASSIGN(const int index, links_.make(plan, upper));
    links_.set_mtu(plan, index);
    // A bond takes only ports that are down, and sets them up itself.
    if (upper && upper->kind == "bond") return {};
    KDUMP_TRY(set_up(plan, index, upper != nullptr));
    // The bridge has a carrier when one of its ports has.
    if (upper) return {};
    KDUMP_TRY(wait_for_carrier(plan, index));
    if (option_of(plan, "mode") == "802.3ad") wait_for_lacp(plan, index);
    for (const std::string& address : plan.addresses)
      KDUMP_TRY(add_address(plan, index, address));
    return {};
  }

  Result<void> add_route(const RoutePlan& plan) {
    const std::string what = plan.interface + ": route to " + plan.to +
                             (plan.via.empty() ? "" : " by way of " + plan.via);
    KDUMP_TRY_ASSIGN(const auto link, links_.named(plan.interface));
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
    const auto link = links_.named("lo");
    if (link && *link) (void)set_flags_up((*link)->index, "lo: setting it up");
  }

 private:
  static void add_gateway(RouteRequest& request, const IpAddress& via, int family) {
    if (via.family == family) return request.add(RTA_GATEWAY, via.bytes);
    const auto number = static_cast<uint16_t>(via.family);
    std::string bytes(reinterpret_cast<const char*>(&number), sizeof number);
    request.add(RTA_VIA, bytes + via.bytes);
  }

  Result<void> set_up(const InterfacePlan& plan, int index, bool is_port) {
    // Whether somebody else has our addresses was found out by the healthy host, and a second of
    // silence is a second later; routers have nothing to tell that is not planned.
    const std::string settings = "/proc/sys/net/ipv6/conf/" + plan.name + "/";
    for (const char* setting : {"accept_dad", "dad_transmits", "accept_ra"})
      (void)write_existing_file(settings + setting, "0");
    // Ports have no addresses: not even those that come by themselves.
    if (is_port) (void)write_existing_file(settings + "disable_ipv6", "1");
    return set_flags_up(index, plan.name + ": setting it up");
  }

  Result<void> set_flags_up(int index, const std::string& what) {
    ifinfomsg up = link_header(index);
    up.ifi_flags = IFF_UP;
    up.ifi_change = IFF_UP;
    return socket_.tell(RouteRequest(RTM_NEWLINK, 0, up), what);
  }

  Result<void> wait_for_carrier(const InterfacePlan& plan, int index) {
    const seconds limit = links_.at_most(carrier_limit(plan));
    state_.doing(("waiting for the carrier of " + plan.name).c_str(), limit + kMargin);
    auto there = wait_for(limit, [&]() -> Result<std::optional<bool>> {
      KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
      for (const Link& link : links)
        if (link.index == index && link.carrier) return std::optional(true);
      return std::optional<bool>();
    });
    if (!there) return std::move(there).error();
    if (!*there)
      return Error(Errc::timed_out, "interface " + plan.name + " (" +
                                        (plan.ports.empty() ? plan.mac : ports_of(plan)) +
                                        "): no carrier within " + std::to_string(limit.count()) +
                                        " s: is the cable in, and the switch port up?");
    return {};
  }

  // A switch may let nothing through before it and the bond have found each other.
  void wait_for_lacp(const InterfacePlan& plan, int index) {
    state_.doing(("waiting for the LACP partner of " + plan.name).c_str(), kLacpLimit + kMargin);
    const auto partner = wait_for(links_.at_most(kLacpLimit), [&]() -> Result<std::optional<bool>> {
      KDUMP_TRY_ASSIGN(const auto links, all_links(socket_));
      const Link* const link = link_at(links, index);
      if (!link) return Error(Errc::not_found, plan.name + ": it vanished");
      const auto told = link->details.find(IFLA_BOND_AD_INFO);
      if (told == link->details.end()) return std::optional<bool>();
      const RouteAttributes lacp = parse_attributes(told->second);
      const auto mac = lacp.find(IFLA_BOND_AD_INFO_PARTNER_MAC);
      const bool is_there =
          mac != lacp.end() && mac->second.find_first_not_of('\0') != std::string::npos;
      return is_there ? std::optional(true) : std::nullopt;
    });
    if (!partner) return warn(partner.error().message());
    if (*partner) return say(plan.name + ": its LACP partner answers");
    warn(plan.name + ": no LACP partner answers within " + std::to_string(kLacpLimit.count()) +
         " s: trying without it");
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

  RouteSocket& socket_;
  WorkerState& state_;
  Links links_;
};

// Names of the interfaces that lead to the address, and of those below them.
std::set<std::string> leading_to(const NetworkPlan& plan, const std::string& address) {
  std::set<std::string> names;
  const auto wanted = parse_ip(address);
  for (const RoutePlan& route : plan.routes) {
    const auto to = parse_prefix(route.to);
    if (!wanted || (to && to->address == *wanted)) names.insert(route.interface);
  }
  for (auto it = plan.interfaces.rbegin(); it != plan.interfaces.rend(); ++it) {
    if (names.count(it->name) == 0) continue;
    if (!it->parent.empty()) names.insert(it->parent);
    names.insert(it->ports.begin(), it->ports.end());
  }
  return names;
}

// The bond or bridge that an interface is a port of.
const InterfacePlan* upper_of(const NetworkPlan& plan, const std::string& name) {
  for (const InterfacePlan& interface : plan.interfaces)
    if (std::find(interface.ports.begin(), interface.ports.end(), name) != interface.ports.end())
      return &interface;
  return nullptr;
}

Result<void> bring_up(const NetworkPlan& plan, WorkerState& state, const std::string& address,
                      std::optional<seconds> again) {
  if (plan.empty()) return {};
  KDUMP_TRY_ASSIGN(RouteSocket socket, RouteSocket::open());
  Network network(socket, state, again);
  network.set_up_loopback();
  const std::set<std::string> wanted = leading_to(plan, address);
  for (const InterfacePlan& interface : plan.interfaces) {
    if (wanted.count(interface.name) == 0) continue;
    const InterfacePlan* const upper = upper_of(plan, interface.name);
    auto up = network.bring_up(interface, upper);
    if (!up && (!upper || upper->ports.size() == 1)) return up;
    // Having one more is what bonds are for.
    if (!up) network.warn(up.error().message() + "; going on without it");
  }
  for (const RoutePlan& route : plan.routes) {
    if (wanted.count(route.interface) == 0) continue;
    if (auto added = network.add_route(route); !added) {
      // Without the way to the target there is nothing to try; others are a help.
      const auto to = parse_prefix(route.to);
      const auto target = parse_ip(address);
      if (!target || (to && to->address == *target)) return added;
      network.warn(added.error().message());
    }
  }
  return {};
}

}  // namespace

Result<void> bring_up_network(const NetworkPlan& plan, WorkerState& state,
                              const std::string& address) {
  return bring_up(plan, state, address, std::nullopt);
}

Result<void> bring_network_back(const NetworkPlan& plan, WorkerState& state,
                                const std::string& address, seconds limit) {
  return bring_up(plan, state, address, limit);
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
