#include "initramfs/plan/link_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <linux/if_link.h>
#include <sys/socket.h>

namespace kdump {

namespace {

// As the kernel numbers them (BOND_MODE_…).
constexpr std::array<std::string_view, 7> kModes = {"balance-rr", "active-backup", "balance-xor",
                                                    "broadcast",  "802.3ad",       "balance-tlb",
                                                    "balance-alb"};

constexpr unsigned bit(unsigned mode) {
  return 1U << mode;
}
constexpr unsigned kAny = 0x7f;
constexpr unsigned kActiveBackup = bit(1), kLacp = bit(4);
constexpr unsigned kOneActive = bit(1) | bit(5) | bit(6);
constexpr unsigned kAsksByArp = bit(0) | bit(1) | bit(2) | bit(3);

struct Option {
  std::string_view kind, name;
  uint16_t attribute;
  unsigned bytes;
  unsigned modes;  // of bonds that take it; the kernel refuses what does not belong to the mode
};

// Not min_links: a dump is content with one. All of them are 0 unless somebody set them.
constexpr Option kOptions[] = {
    {"bond", "miimon", IFLA_BOND_MIIMON, 4, kAny},
    {"bond", "updelay", IFLA_BOND_UPDELAY, 4, kAny},
    {"bond", "downdelay", IFLA_BOND_DOWNDELAY, 4, kAny},
    {"bond", "arp_interval", IFLA_BOND_ARP_INTERVAL, 4, kAsksByArp},
    {"bond", "arp_validate", IFLA_BOND_ARP_VALIDATE, 4, kAsksByArp},
    {"bond", "arp_all_targets", IFLA_BOND_ARP_ALL_TARGETS, 4, kAsksByArp},
    {"bond", "primary_reselect", IFLA_BOND_PRIMARY_RESELECT, 1, kOneActive},
    {"bond", "fail_over_mac", IFLA_BOND_FAIL_OVER_MAC, 1, kActiveBackup},
    {"bond", "xmit_hash_policy", IFLA_BOND_XMIT_HASH_POLICY, 1, kAny},
    {"bond", "lacp_rate", IFLA_BOND_AD_LACP_RATE, 1, kLacp},
    {"bond", "ad_select", IFLA_BOND_AD_SELECT, 1, kLacp},
    {"bridge", "stp_state", IFLA_BR_STP_STATE, 4, kAny},
    {"bridge", "forward_delay", IFLA_BR_FORWARD_DELAY, 4, kAny},
    {"bridge", "hello_time", IFLA_BR_HELLO_TIME, 4, kAny},
    {"bridge", "max_age", IFLA_BR_MAX_AGE, 4, kAny},
    {"bridge", "priority", IFLA_BR_PRIORITY, 2, kAny},
    {"bridge", "mcast_snooping", IFLA_BR_MCAST_SNOOPING, 1, kAny},
};

constexpr char kTarget[] = "arp_ip_target";
constexpr uint16_t kNsIp6Target = 31;  // IFLA_BOND_NS_IP6_TARGET, which headers before 5.18 lack

std::string word(std::string_view name, const std::string& value) {
  return std::string(name) + "=" + value;
}

std::vector<std::string> arp_targets(const RouteAttributes& details) {
  std::vector<std::string> targets;
  for (const auto& [attribute, family] :
       {std::pair{uint16_t{IFLA_BOND_ARP_IP_TARGET}, AF_INET}, std::pair{kNsIp6Target, AF_INET6}})
    if (const auto list = details.find(attribute); list != details.end())
      for (const auto& [number, bytes] : parse_attributes(list->second))
        if (const std::string text = text_of({family, bytes}); !text.empty())
          targets.push_back(word(kTarget, text));
  return targets;
}

Error bad_option(const InterfacePlan& interface, const std::string& option) {
  return {Errc::bad_input, interface.name + ": a " + interface.kind + " has no option " + option};
}

// Each address under its number, those of a family together.
Result<void> add_arp_targets(RouteRequest& details, const InterfacePlan& interface) {
  RouteRequest v4, v6;
  uint16_t many4 = 0, many6 = 0;
  for (const std::string& option : interface.options) {
    if (!option.starts_with(std::string(kTarget) + "=")) continue;
    KDUMP_TRY_ASSIGN(const IpAddress address, parse_ip(option.substr(sizeof kTarget)));
    if (address.family == AF_INET)
      v4.add(many4++, address.bytes);
    else
      v6.add(many6++, address.bytes);
  }
  if (many4 != 0) details.nest(IFLA_BOND_ARP_IP_TARGET, v4);
  if (many6 != 0) details.nest(kNsIp6Target, v6);
  return {};
}

Result<void> add_option(RouteRequest& details, const InterfacePlan& interface,
                        const std::string& option) {
  const size_t equals = std::min(option.find('='), option.size());
  const std::string_view name = std::string_view(option).substr(0, equals);
  for (const Option& known : kOptions) {
    if (known.kind != interface.kind || known.name != name) continue;
    const uint32_t number = static_cast<uint32_t>(number_of(interface, name));
    const auto half = static_cast<uint16_t>(number);
    const auto byte = static_cast<char>(number);
    if (known.bytes == sizeof number)
      details.add_number(known.attribute, number);
    else if (known.bytes == sizeof half)
      details.add(known.attribute, {reinterpret_cast<const char*>(&half), sizeof half});
    else
      details.add(known.attribute, {&byte, 1});
    return {};
  }
  return bad_option(interface, option);
}

}  // namespace

std::vector<std::string> bond_options(const RouteAttributes& details, const std::string& primary) {
  constexpr uint32_t kUsualMiimon = 100;  // ms
  const uint32_t mode = std::min<uint32_t>(number_at(details, IFLA_BOND_MODE), kModes.size() - 1);
  const bool by_arp = (bit(mode) & kAsksByArp) != 0 && number_at(details, IFLA_BOND_MIIMON) == 0 &&
                      number_at(details, IFLA_BOND_ARP_INTERVAL) != 0;
  std::vector<std::string> options = {word("mode", std::string(kModes[mode]))};
  for (const Option& option : kOptions) {
    if (option.kind != "bond" || (option.modes & bit(mode)) == 0) continue;
    uint32_t value = number_at(details, option.attribute);
    if (option.name == "miimon" && value == 0 && !by_arp) value = kUsualMiimon;
    // Delays count intervals of miimon, which has no use for ARP.
    if (option.name.ends_with("delay") && by_arp) continue;
    if (option.name.starts_with("arp_") && !by_arp) continue;
    if (value != 0) options.push_back(word(option.name, std::to_string(value)));
  }
  if (by_arp)
    for (std::string& target : arp_targets(details))
      options.push_back(std::move(target));
  if (!primary.empty() && (bit(mode) & kOneActive) != 0)
    options.push_back(word("primary", primary));
  return options;
}

std::vector<std::string> bridge_options(const RouteAttributes& details, bool several_ports) {
  std::vector<std::string> options = {"mcast_snooping=0"};
  if (number_at(details, IFLA_BR_STP_STATE) == 0 || !several_ports) {
    options.insert(options.end(), {"stp_state=0", "forward_delay=0"});
    return options;
  }
  options.emplace_back("stp_state=1");
  for (const auto& [name, attribute] : {std::pair{"forward_delay", uint16_t{IFLA_BR_FORWARD_DELAY}},
                                        std::pair{"hello_time", uint16_t{IFLA_BR_HELLO_TIME}},
                                        std::pair{"max_age", uint16_t{IFLA_BR_MAX_AGE}}})
    options.push_back(word(name, std::to_string(number_at(details, attribute))));
  options.emplace_back("priority=65535");
  return options;
}

std::string option_of(const InterfacePlan& interface, std::string_view name) {
  for (const std::string& option : interface.options)
    if (option.starts_with(name) && option.size() > name.size() && option[name.size()] == '=')
      return option.substr(name.size() + 1);
  return "";
}

unsigned long number_of(const InterfacePlan& interface, std::string_view name) {
  const std::string text = option_of(interface, name);
  unsigned long number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<RouteRequest> link_details(const InterfacePlan& interface,
                                  const std::function<int(const std::string&)>& index_of) {
  RouteRequest details;
  for (const std::string& option : interface.options) {
    if (interface.kind == "bond" && option.starts_with("mode=")) {
      const auto* const mode = std::find(kModes.begin(), kModes.end(), option.substr(5));
      if (mode == kModes.end()) return bad_option(interface, option);
      const auto number = static_cast<char>(mode - kModes.begin());
      details.add(IFLA_BOND_MODE, {&number, 1});
    } else if (interface.kind == "bond" && option.starts_with("primary=")) {
      if (const int index = index_of(option.substr(8)); index != 0)
        details.add_number(IFLA_BOND_PRIMARY, static_cast<uint32_t>(index));
    } else if (interface.kind != "bond" || !option.starts_with(kTarget)) {
      KDUMP_TRY(add_option(details, interface, option));
    }
  }
  KDUMP_TRY(add_arp_targets(details, interface));
  return details;
}

}  // namespace kdump
