// The little of rtnetlink that both sides of a capture need: the healthy host asks its kernel for
// links, addresses and routes, the capture kernel is told the same again.
//
// Own code, since all of it is less than what a library would weigh in the image. The kernel's
// answers are bounded and trusted no further than their lengths.
#pragma once

#include <cstdint>
#include <linux/rtnetlink.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

struct IpAddress {
  int family = 0;     // AF_INET, AF_INET6
  std::string bytes;  // 4 or 16
  bool operator==(const IpAddress&) const = default;
};

// "192.0.2.7", "2001:db8::7"; what follows a % is passed over. bad_input for what is no address.
Result<IpAddress> parse_ip(const std::string& text);
std::string text_of(const IpAddress& address);
bool is_link_local(const IpAddress& address);

// "192.0.2.7/24": without a prefix, the address alone.
struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;
};
Result<IpPrefix> parse_prefix(const std::string& text);

std::string mac_text(std::string_view bytes);  // "52:54:00:12:34:56"
Result<std::string> parse_mac(const std::string& text);

// Attributes of a message or of one that is nested: content by type.
using RouteAttributes = std::map<uint16_t, std::string>;
RouteAttributes parse_attributes(std::string_view bytes);
// The same in their order, where a type may be there several times.
std::vector<std::pair<uint16_t, std::string>> list_attributes(std::string_view bytes);
// 0 and "" for what is not there.
uint32_t number_at(const RouteAttributes& attributes, uint16_t type);
std::string text_at(const RouteAttributes& attributes, uint16_t type);

class RouteRequest {
 public:
  template <typename Header>  // ifinfomsg, ifaddrmsg, rtmsg
  RouteRequest(uint16_t type, uint16_t flags, const Header& header) : type_(type), flags_(flags) {
    body_.assign(reinterpret_cast<const char*>(&header), sizeof header);
  }

  void add(uint16_t type, std::string_view content);
  void add_number(uint16_t type, uint32_t number);
  void nest(uint16_t type, const RouteRequest& inner) { add(type, inner.body_); }
  [[nodiscard]] const std::string& body() const { return body_; }
  // Attributes to be nested.
  RouteRequest() = default;

 private:
  friend class RouteSocket;
  uint16_t type_ = 0, flags_ = 0;
  std::string body_;
};

struct RouteMessage {
  uint16_t type = 0;
  std::string header;  // ifinfomsg, ifaddrmsg, rtmsg
  RouteAttributes attributes;

  template <typename Header>
  [[nodiscard]] Header as() const {
    Header result{};
    header.copy(reinterpret_cast<char*>(&result), sizeof result);
    return result;
  }
};

class RouteSocket {
 public:
  static Result<RouteSocket> open();

  // Asks, and returns what is told; the kernel's refusal is an error with its errno. `what` opens
  // the message: "eth0: setting it up".
  Result<std::vector<RouteMessage>> ask(const RouteRequest& request, const std::string& what);
  // The same for requests that are only confirmed.
  Result<void> tell(const RouteRequest& request, const std::string& what);

 private:
  explicit RouteSocket(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  uint32_t sequence_ = 0;
};

// An interface, as the kernel tells of it.
struct Link {
  int index = 0;
  std::string name;
  uint16_t hardware = 0;  // ARPHRD_…
  uint32_t flags = 0;     // IFF_…
  uint32_t mtu = 0;
  bool carrier = true;
  int below = 0;                   // index of what it stands on; 0: nothing
  int master = 0;                  // index of the bond or bridge that it is a port of; 0: of none
  std::string mac, permanent_mac;  // bytes; the permanent one is the other where none is known
  std::string kind;                // "vlan", "bond" …; "" for devices
  uint16_t vlan = 0;
  uint16_t vlan_protocol = 0;  // ETH_P_…
  RouteAttributes details;     // IFLA_INFO_DATA: of its kind
  uint16_t pvid = 0;           // of a bridge that filters VLANs, and its ports: what untagged
  bool pvid_tagged = false;    // frames belong to, 0 for none; and they leave with a tag
};

Result<std::vector<Link>> all_links(RouteSocket& socket);
// `pvid` of all of them, which takes a question of its own.
Result<void> add_pvids(RouteSocket& socket, std::vector<Link>& links);

}  // namespace kdump
