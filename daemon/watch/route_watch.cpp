#include "daemon/watch/route_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace kdump {

namespace {

bool counts(const nlmsghdr& header, const char* payload, size_t length) {
  if (header.nlmsg_type == RTM_NEWADDR || header.nlmsg_type == RTM_DELADDR) {
    ifaddrmsg address{};
    if (length < sizeof address) return false;
    std::memcpy(&address, payload, sizeof address);
    return address.ifa_scope == RT_SCOPE_UNIVERSE || address.ifa_scope == RT_SCOPE_SITE;
  }
  if (header.nlmsg_type == RTM_NEWROUTE || header.nlmsg_type == RTM_DELROUTE) {
    rtmsg route{};
    if (length < sizeof route) return false;
    std::memcpy(&route, payload, sizeof route);
    // Cloned ones are the kernel's cache of path MTUs and redirects.
    return route.rtm_table == RT_TABLE_MAIN && (route.rtm_flags & RTM_F_CLONED) == 0;
  }
  return false;
}

}  // namespace

Result<RouteWatch> RouteWatch::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return Error::from_errno("watching routes");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("watching routes");
  return RouteWatch(std::move(fd));
}

bool RouteWatch::take_changes() {
  bool changed = false;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == ENOBUFS) {
      changed = true;  // some were lost: the socket's queue was full
      continue;
    }
    if (got <= 0) return changed;
    for (size_t at = 0; at + sizeof(nlmsghdr) <= static_cast<size_t>(got);) {
      nlmsghdr header{};
      std::memcpy(&header, buffer.data() + at, sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > static_cast<size_t>(got) - at)
        break;
      changed |=
          counts(header, buffer.data() + at + sizeof header, header.nlmsg_len - sizeof header);
      at += NLMSG_ALIGN(header.nlmsg_len);
    }
  }
}

}  // namespace kdump
