#include "initramfs/image/network_host.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <linux/if_addr.h>
#include <memory>
#include <netdb.h>
#include <optional>

#include "initramfs/plan/rtnetlink.h"

namespace kdump {

namespace {

// What the kernel answers when asked how it would send to an address.
struct Route {
  int interface = 0;
  uint8_t type = RTN_UNICAST;
  std::optional<IpAddress> via, source;
};

struct Address {
  int interface = 0;
  IpPrefix prefix;
  uint32_t flags = 0;
};

class HostNetwork {
 public:
  HostNetwork(RouteSocket socket, std::vector<Link> links, std::vector<Address> addresses,
              HostFolders where)
      : socket_(std::move(socket)),
        links_(std::move(links)),
        addresses_(std::move(addresses)),
        where_(std::move(where)) {}

  static Result<HostNetwork> look(const HostFolders& where) {
    KDUMP_TRY_ASSIGN(RouteSocket socket, RouteSocket::open());
    KDUMP_TRY_ASSIGN(std::vector<Link> links, all_links(socket));
    if (std::any_of(links.begin(), links.end(), filters_vlans)) KDUMP_TRY(add_pvids(socket, links));
    KDUMP_TRY_ASSIGN(std::vector<Address> addresses, all_addresses(socket));
    return HostNetwork(std::move(socket), std::move(links), std::move(addresses), where);
  }

  // `address` may end in %interface.
  Result<void> add_host(const std::string& address) {
    KDUMP_TRY_ASSIGN(const IpAddress to, parse_ip(address));
    const size_t percent = address.find('%');
    const std::string scope = percent == std::string::npos ? "" : address.substr(percent + 1);
    KDUMP_TRY_ASSIGN(const Route route, route_to(to, address, scope));
    if (route.type == RTN_LOCAL)
      return Error(Errc::usage, address +
                                    " is this host itself, which is dead when its memory is "
                                    "to be saved: name another one");
    if (route.type != RTN_UNICAST)
      return Error(Errc::not_found, address + ": the routes of this host forbid to send there");
    KDUMP_TRY_ASSIGN(const std::string interface,
                     copy_interface(links_, route.interface, where_, plan_));
    add_source(route, interface, to);
    const std::string prefix = text_of(to) + (to.family == AF_INET ? "/32" : "/128");
    RoutePlan plan{prefix, route.via ? text_of(*route.via) : "", interface,
                   source_of(route, interface, to)};
    if (std::find(plan_.routes.begin(), plan_.routes.end(), plan) == plan_.routes.end())
      plan_.routes.push_back(std::move(plan));
    return {};
  }

  // Programs of the admin's may want to talk to more than the target.
  Result<void> add_default_routes() {
    for (const int family : {AF_INET, AF_INET6}) {
      rtmsg header{};
      header.rtm_family = static_cast<unsigned char>(family);
      const RouteRequest request(RTM_GETROUTE, NLM_F_DUMP, header);
      KDUMP_TRY_ASSIGN(const auto messages, socket_.ask(request, "asking for the routes"));
      for (const RouteMessage& message : messages)
        if (add_default_route(message, family)) break;
    }
    return {};
  }

  NetworkPlan take() { return std::move(plan_); }

 private:
  static Result<std::vector<Address>> all_addresses(RouteSocket& socket) {
    const RouteRequest request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    KDUMP_TRY_ASSIGN(const auto messages, socket.ask(request, "asking for the addresses"));
    std::vector<Address> addresses;
    for (const RouteMessage& message : messages) {
      if (message.type != RTM_NEWADDR) continue;
      const auto info = message.as<ifaddrmsg>();
      Address address;
      address.interface = static_cast<int>(info.ifa_index);
      address.flags = info.ifa_flags;
      if (message.attributes.count(IFA_FLAGS) != 0)
        address.flags = number_at(message.attributes, IFA_FLAGS);
      // Between two points, IFA_ADDRESS is the other end's.
      for (const uint16_t type : {uint16_t{IFA_ADDRESS}, uint16_t{IFA_LOCAL}})
        if (const auto found = message.attributes.find(type); found != message.attributes.end())
          address.prefix.address = {info.ifa_family, found->second};
      address.prefix.length = info.ifa_prefixlen;
      addresses.push_back(std::move(address));
    }
    return addresses;
  }

  [[nodiscard]] const Link* link(int index) const {
    for (const Link& link : links_)
      if (link.index == index) return &link;
    return nullptr;
  }

  Result<Route> route_to(const IpAddress& to, const std::string& text, const std::string& scope) {
    rtmsg header{};
    header.rtm_family = static_cast<unsigned char>(to.family);
    header.rtm_dst_len = static_cast<unsigned char>(to.bytes.size() * 8);
    RouteRequest request(RTM_GETROUTE, 0, header);
    request.add(RTA_DST, to.bytes);
    for (const Link& link : links_)
      if (link.name == scope) request.add_number(RTA_OIF, static_cast<uint32_t>(link.index));
    auto answer = socket_.ask(request, text + ": there is no route to it now");
    if (!answer) return std::move(answer).error();
    for (const RouteMessage& message : *answer) {
      if (message.type != RTM_NEWROUTE) continue;
      Route route;
      route.type = message.as<rtmsg>().rtm_type;
      route.interface = static_cast<int>(number_at(message.attributes, RTA_OIF));
      route.via = gateway_of(message, to.family);
      if (const auto source = message.attributes.find(RTA_PREFSRC);
          source != message.attributes.end())
        route.source = IpAddress{to.family, source->second};
      return route;
    }
    return Error(Errc::not_found, text + ": there is no route to it now");
  }

  static std::optional<IpAddress> gateway_of(const RouteMessage& message, int family) {
    const auto& attributes = message.attributes;
    if (const auto via = attributes.find(RTA_GATEWAY); via != attributes.end())
      return IpAddress{family, via->second};
    // IPv4 by way of a router that has only IPv6: a family in front of the address.
    if (const auto via = attributes.find(RTA_VIA);
        via != attributes.end() && via->second.size() == sizeof(uint16_t) + 16)
      return IpAddress{AF_INET6, via->second.substr(sizeof(uint16_t))};
    return std::nullopt;
  }

  // The address that this host talks to the target with, and no other: one that floats between
  // the nodes of a cluster may long be another node's when the capture kernel starts.
  void add_source(const Route& route, const std::string& interface, const IpAddress& to) {
    const Address* const address = address_of(route, to);
    if (!address) return;
    IpPrefix prefix = address->prefix;
    // Of another interface (lo, often): this one carries it for the time being.
    if (address->interface != route.interface) prefix.length = to.family == AF_INET ? 32 : 128;
    const std::string text = text_of(prefix.address) + "/" + std::to_string(prefix.length);
    for (InterfacePlan& known : plan_.interfaces)
      if (known.name == interface &&
          std::find(known.addresses.begin(), known.addresses.end(), text) == known.addresses.end())
        known.addresses.push_back(text);
  }

  // Addresses that change each day or are not to be used yet are not for a plan.
  [[nodiscard]] const Address* address_of(const Route& route, const IpAddress& to) const {
    constexpr uint32_t kPassing =
        IFA_F_TEMPORARY | IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
    const Address *exact = nullptr, *lasting = nullptr;
    for (const Address& address : addresses_) {
      if (address.prefix.address.family != to.family) continue;
      if (route.source && address.prefix.address == *route.source) exact = &address;
      if (address.interface != route.interface || is_link_local(address.prefix.address)) continue;
      if (!lasting && (to.family == AF_INET || (address.flags & kPassing) == 0)) lasting = &address;
    }
    if (exact && is_link_local(exact->prefix.address)) return nullptr;  // comes by itself
    const bool passing = exact && to.family == AF_INET6 && (exact->flags & kPassing) != 0;
    if (exact && (!passing || !lasting)) return exact;
    return is_link_local(to) ? nullptr : lasting;
  }

  [[nodiscard]] std::string source_of(const Route& route, const std::string& /*interface*/,
                                      const IpAddress& to) const {
    const Address* const address = address_of(route, to);
    return address ? text_of(address->prefix.address) : "";
  }

  bool add_default_route(const RouteMessage& message, int family) {
    const auto header = message.as<rtmsg>();
    if (message.type != RTM_NEWROUTE || header.rtm_dst_len != 0 ||
        header.rtm_table != RT_TABLE_MAIN || header.rtm_type != RTN_UNICAST ||
        header.rtm_family != family)
      return false;
    const Link* const over = link(static_cast<int>(number_at(message.attributes, RTA_OIF)));
    if (!over) return false;
    for (const InterfacePlan& known : plan_.interfaces) {
      if (known.name != over->name) continue;
      // Of a family that it has an address of.
      const bool has = std::any_of(
          known.addresses.begin(), known.addresses.end(), [family](const std::string& address) {
            return (address.find(':') == std::string::npos) == (family == AF_INET);
          });
      if (!has) return false;
      const auto via = gateway_of(message, family);
      plan_.routes.push_back(
          {family == AF_INET ? "default" : "default6", via ? text_of(*via) : "", known.name, ""});
      return true;
    }
    return false;
  }

  RouteSocket socket_;
  std::vector<Link> links_;
  std::vector<Address> addresses_;
  HostFolders where_;
  NetworkPlan plan_;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

}  // namespace

Result<std::string> resolve_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  if (failed != 0 || !raw)
    return Error(Errc::not_found,
                 host + ": " +
                     (failed == EAI_SYSTEM ? "cannot be resolved" : gai_strerror(failed)) +
                     ": check its name, or write its address instead");
  // The first one's family is the one that works best here; within it, name servers give another
  // order each time, and an image would never be fresh.
  std::string least;
  IpAddress least_address;
  for (const addrinfo* entry = raw; entry; entry = entry->ai_next) {
    if (entry->ai_family != raw->ai_family) continue;
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      continue;
    const auto address = parse_ip(text.data());
    if (!address) continue;
    if (!least.empty() && address->bytes >= least_address.bytes) continue;
    least = text.data();
    least_address = *address;
  }
  if (least.empty()) return Error(Errc::not_found, host + ": has no IP address");
  return least;
}

Result<NetworkPlan> plan_network(std::vector<TargetPlan>& targets,
                                 const std::vector<std::string>& others, const HostFolders& where) {
  // What is told of, and its address.
  std::vector<std::pair<std::string, std::string>> hosts;
  for (TargetPlan& target : targets) {
    for (const NetworkDisk& disk : target.network_disks)
      hosts.emplace_back(target.name(), disk.address);
    if (!target.is_remote()) continue;
    if (target.address.empty()) {
      auto address = resolve_host(target.host);
      if (!address) return std::move(address).error().context(target.name());
      target.address = std::move(*address);
    }
    hosts.emplace_back(target.name(), target.address);
  }
  for (const std::string& host : others) {
    KDUMP_TRY_ASSIGN(std::string address, resolve_host(host));
    hosts.emplace_back(host, std::move(address));
  }
  if (hosts.empty()) return NetworkPlan();
  KDUMP_TRY_ASSIGN(HostNetwork network, HostNetwork::look(where));
  for (const auto& [name, address] : hosts)
    if (auto added = network.add_host(address); !added)
      return std::move(added).error().context(name);
  KDUMP_TRY(network.add_default_routes());
  return network.take();
}

Result<void> check_native_network(std::vector<TargetPlan> targets) {
  auto plan = plan_network(targets);
  if (!plan) return std::move(plan).error();
  return {};
}

}  // namespace kdump
