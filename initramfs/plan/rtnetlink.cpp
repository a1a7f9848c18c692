#include "initramfs/plan/rtnetlink.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <sys/socket.h>

namespace kdump {

namespace {

constexpr size_t kLongestAnswer = size_t{16} << 20;  // of all messages of one dump
constexpr size_t kBuffer = size_t{64} << 10;         // the kernel's are at most 32 KiB

void append(std::string& to, const void* from, size_t length) {
  to.append(static_cast<const char*>(from), length);
}

void align(std::string& text) {
  text.resize(NLMSG_ALIGN(text.size()), '\0');
}

size_t header_size(uint16_t type) {
  switch (type) {
    case RTM_NEWLINK:
      return sizeof(ifinfomsg);
    case RTM_NEWADDR:
      return sizeof(ifaddrmsg);
    case RTM_NEWROUTE:
      return sizeof(rtmsg);
    default:
      return 0;
  }
}

RouteMessage parse_message(uint16_t type, std::string_view payload) {
  RouteMessage message;
  message.type = type;
  const size_t header = std::min(NLMSG_ALIGN(header_size(type)), payload.size());
  message.header = payload.substr(0, header);
  message.attributes = parse_attributes(payload.substr(header));
  return message;
}

}  // namespace

Result<IpAddress> parse_ip(const std::string& text) {
  const std::string plain = text.substr(0, text.find('%'));
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET, plain.c_str(), bytes.data()) == 1)
    return IpAddress{AF_INET, std::string(bytes.data(), 4)};
  if (::inet_pton(AF_INET6, plain.c_str(), bytes.data()) == 1)
    return IpAddress{AF_INET6, std::string(bytes.data(), 16)};
  return Error(Errc::bad_input, "\"" + text + "\" is no IP address");
}

std::string text_of(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const size_t length = address.family == AF_INET ? 4 : 16;
  if (address.bytes.size() != length ||
      !::inet_ntop(address.family, address.bytes.data(), text.data(), text.size()))
    return "";
  return text.data();
}

bool is_link_local(const IpAddress& address) {
  return address.family == AF_INET6 && address.bytes.size() == 16 && address.bytes[0] == '\xfe' &&
         (address.bytes[1] & '\xc0') == '\x80';
}

Result<IpPrefix> parse_prefix(const std::string& text) {
  const size_t slash = text.find('/');
  IpPrefix prefix;
  KDUMP_TRY_ASSIGN(prefix.address, parse_ip(text.substr(0, slash)));
  const unsigned most = prefix.address.family == AF_INET ? 32 : 128;
  unsigned length = most;
  if (slash != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + slash + 1, end, length);
    if (parsed.ec != std::errc() || parsed.ptr != end || length > most)
      return Error(Errc::bad_input, "\"" + text + "\" has no prefix length of 0 to " +
                                        std::to_string(most) + " behind its /");
  }
  prefix.length = static_cast<uint8_t>(length);
  return prefix;
}

std::string mac_text(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<std::string> parse_mac(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at <= text.size(); at += 3) {
    unsigned value = 0;
    const char* end = text.data() + std::min(at + 2, text.size());
    const auto parsed = std::from_chars(text.data() + at, end, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + at + 2 ||
        (at + 2 < text.size() && text[at + 2] != ':'))
      return Error(Errc::bad_input, "\"" + text + "\" is no MAC address");
    bytes += static_cast<char>(value);
  }
  return bytes;
}

RouteAttributes parse_attributes(std::string_view bytes) {
  RouteAttributes attributes;
  for (auto& [type, content] : list_attributes(bytes))
    attributes[type] = std::move(content);
  return attributes;
}

std::vector<std::pair<uint16_t, std::string>> list_attributes(std::string_view bytes) {
  std::vector<std::pair<uint16_t, std::string>> attributes;
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr head{};
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > bytes.size()) break;
    attributes.emplace_back(head.rta_type & NLA_TYPE_MASK,
                            bytes.substr(sizeof head, head.rta_len - sizeof head));
    bytes.remove_prefix(std::min<size_t>(RTA_ALIGN(head.rta_len), bytes.size()));
  }
  return attributes;
}

uint32_t number_at(const RouteAttributes& attributes, uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return 0;
  const std::string& bytes = found->second;
  uint32_t number = 0;
  uint16_t half = 0;
  if (bytes.size() == sizeof number) {
    std::memcpy(&number, bytes.data(), sizeof number);
  } else if (bytes.size() == sizeof half) {
    std::memcpy(&half, bytes.data(), sizeof half);
    number = half;
  } else if (bytes.size() == 1) {
    number = static_cast<unsigned char>(bytes.front());
  }
  return number;
}

std::string text_at(const RouteAttributes& attributes, uint16_t type) {
  const auto found = attributes.find(type);
  return found == attributes.end() ? "" : found->second.substr(0, found->second.find('\0'));
}

void RouteRequest::add(uint16_t type, std::string_view content) {
  align(body_);
  rtattr head{};
  head.rta_type = type;
  head.rta_len = static_cast<uint16_t>(sizeof head + content.size());
  append(body_, &head, sizeof head);
  body_ += content;
  align(body_);
}

void RouteRequest::add_number(uint16_t type, uint32_t number) {
  add(type, {reinterpret_cast<const char*>(&number), sizeof number});
}

Result<RouteSocket> RouteSocket::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return Error::from_errno("asking the kernel for its network (rtnetlink)");
  // The kernel answers at once; should it not, that is an error rather than a wait for ever.
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  // Filters of a dump are obeyed only when this is asked for.
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return RouteSocket(std::move(fd));
}

Result<std::vector<RouteMessage>> RouteSocket::ask(const RouteRequest& request,
                                                   const std::string& what) {
  const bool is_dump = (request.flags_ & NLM_F_DUMP) == NLM_F_DUMP;
  nlmsghdr head{};
  head.nlmsg_len = static_cast<uint32_t>(sizeof head + request.body_.size());
  head.nlmsg_type = request.type_;
  head.nlmsg_flags = request.flags_ | NLM_F_REQUEST | (is_dump ? 0 : NLM_F_ACK);
  head.nlmsg_seq = ++sequence_;
  std::string bytes;
  append(bytes, &head, sizeof head);
  bytes += request.body_;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0)
    return Error::from_errno(what);

  std::vector<RouteMessage> messages;
  std::vector<char> buffer(kBuffer);
  for (size_t total = 0; total < kLongestAnswer;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(what);
    std::string_view rest(buffer.data(), static_cast<size_t>(got));
    total += rest.size();
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr answer{};
      std::memcpy(&answer, rest.data(), sizeof answer);
      if (answer.nlmsg_len < sizeof answer || answer.nlmsg_len > rest.size()) break;
      const std::string_view payload = rest.substr(sizeof answer, answer.nlmsg_len - sizeof answer);
      rest.remove_prefix(std::min<size_t>(NLMSG_ALIGN(answer.nlmsg_len), rest.size()));
      if (answer.nlmsg_seq != sequence_) continue;  // of a request that was given up
      if (answer.nlmsg_type == NLMSG_DONE) return messages;
      if (answer.nlmsg_type == NLMSG_ERROR) {
        int error = 0;
        if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
        if (error != 0) return Error::from_errno(what, -error);
        return messages;
      }
      messages.push_back(parse_message(answer.nlmsg_type, payload));
    }
  }
  return Error(Errc::bad_input, what + ": the kernel's answer has no end");
}

Result<void> RouteSocket::tell(const RouteRequest& request, const std::string& what) {
  auto answer = ask(request, what);
  if (!answer) return std::move(answer).error();
  return {};
}

namespace {

// A bond gives its ports its own address: kernels before 5.6 tell the other one with the bond.
std::string permanent_mac(const std::string& told, const RouteAttributes& info,
                          const std::string& mac) {
  const auto is_one = [](const std::string& bytes) {
    return bytes.find_first_not_of('\0') != std::string::npos;
  };
  if (is_one(told)) return told;
  const auto data = info.find(IFLA_INFO_SLAVE_DATA);
  if (text_at(info, IFLA_INFO_SLAVE_KIND) != "bond" || data == info.end()) return mac;
  const RouteAttributes port = parse_attributes(data->second);
  const auto before = port.find(IFLA_BOND_SLAVE_PERM_HWADDR);
  return before != port.end() && is_one(before->second) ? before->second : mac;
}

Link link_of(const RouteMessage& message) {
  const auto header = message.as<ifinfomsg>();
  const RouteAttributes& attributes = message.attributes;
  Link link;
  link.index = header.ifi_index;
  link.hardware = header.ifi_type;
  link.flags = header.ifi_flags;
  link.name = text_at(attributes, IFLA_IFNAME);
  link.mtu = number_at(attributes, IFLA_MTU);
  link.carrier = attributes.count(IFLA_CARRIER) == 0 || number_at(attributes, IFLA_CARRIER) != 0;
  // In another network namespace it is no index of ours.
  if (attributes.count(IFLA_LINK_NETNSID) == 0)
    link.below = static_cast<int>(number_at(attributes, IFLA_LINK));
  const auto bytes_at = [&](uint16_t type) {
    const auto found = attributes.find(type);
    return found == attributes.end() ? std::string() : found->second;
  };
  link.master = static_cast<int>(number_at(attributes, IFLA_MASTER));
  link.mac = bytes_at(IFLA_ADDRESS);
  const RouteAttributes info = parse_attributes(bytes_at(IFLA_LINKINFO));
  link.kind = text_at(info, IFLA_INFO_KIND);
  link.permanent_mac = permanent_mac(bytes_at(IFLA_PERM_ADDRESS), info, link.mac);
  if (const auto data = info.find(IFLA_INFO_DATA); data != info.end())
    link.details = parse_attributes(data->second);
  if (link.kind == "vlan") {
    link.vlan = static_cast<uint16_t>(number_at(link.details, IFLA_VLAN_ID));
    link.vlan_protocol = ntohs(static_cast<uint16_t>(number_at(link.details, IFLA_VLAN_PROTOCOL)));
  }
  return link;
}

}  // namespace

Result<std::vector<Link>> all_links(RouteSocket& socket) {
  const RouteRequest request(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  KDUMP_TRY_ASSIGN(const auto messages, socket.ask(request, "asking for the interfaces"));
  std::vector<Link> links;
  for (const RouteMessage& message : messages)
    if (message.type == RTM_NEWLINK) links.push_back(link_of(message));
  return links;
}

Result<void> add_pvids(RouteSocket& socket, std::vector<Link>& links) {
  ifinfomsg of_bridges{};
  of_bridges.ifi_family = PF_BRIDGE;
  RouteRequest request(RTM_GETLINK, NLM_F_DUMP, of_bridges);
  request.add_number(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
  KDUMP_TRY_ASSIGN(const auto messages, socket.ask(request, "asking for the VLANs of bridges"));
  for (const RouteMessage& message : messages) {
    const auto told = message.attributes.find(IFLA_AF_SPEC);
    if (message.type != RTM_NEWLINK || told == message.attributes.end()) continue;
    const auto link = std::find_if(links.begin(), links.end(), [&](const Link& one) {
      return one.index == message.as<ifinfomsg>().ifi_index;
    });
    if (link == links.end()) continue;
    for (const auto& [type, content] : list_attributes(told->second)) {
      bridge_vlan_info vlan{};
      if (type != IFLA_BRIDGE_VLAN_INFO || content.size() < sizeof vlan) continue;
      std::memcpy(&vlan, content.data(), sizeof vlan);
      if ((vlan.flags & BRIDGE_VLAN_INFO_PVID) == 0) continue;
      link->pvid = vlan.vid;
      link->pvid_tagged = (vlan.flags & BRIDGE_VLAN_INFO_UNTAGGED) == 0;
    }
  }
  return {};
}

}  // namespace kdump
