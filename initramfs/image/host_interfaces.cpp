#include "initramfs/image/host_interfaces.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <filesystem>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

#include "initramfs/plan/link_options.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/fd.h"

namespace kdump {

namespace {

constexpr unsigned kMostLayers = 6;  // VLAN over bridge over VLAN over bond over NIC

std::string_view described(const std::string& kind) {
  struct Kind {
    std::string_view name, described;
  };
  constexpr std::array kKinds = {
      Kind{"openvswitch", "Open vSwitch"},
      Kind{"tun", "a tunnel (tun/tap)"},
      Kind{"wireguard", "a WireGuard tunnel"},
      Kind{"macvlan", "a macvlan"},
      Kind{"ipvlan", "an ipvlan"},
      Kind{"veth", "one end of a veth pair"},
      Kind{"dummy", "a dummy interface"},
      Kind{"vrf", "a VRF"},
  };
  for (const Kind& known : kKinds)
    if (kind == known.name) return known.described;
  return "";
}

Error refused(const Link& link, const std::string& what) {
  return {Errc::unsupported, "interface " + link.name + " is " + what +
                                 ", which the native capture image cannot set up"};
}

class InterfaceCopy {
 public:
  InterfaceCopy(const std::vector<Link>& links, const HostFolders& where, NetworkPlan& plan)
      : links_(links), where_(where), plan_(plan) {}

  Result<std::string> add(int index, unsigned layer = 0) {
    const Link* const link = this->link(index);
    if (!link || layer == kMostLayers)
      return Error(Errc::not_found, "interface " + std::to_string(index) + " is not there");
    for (const InterfacePlan& known : plan_.interfaces)
      if (known.name == link->name) return link->name;
    InterfacePlan plan;
    plan.name = link->name;
    plan.mtu = link->mtu;
    if (link->kind == "vlan") {
      if (link->vlan_protocol != ETH_P_8021Q)
        return refused(*link, "a VLAN of another protocol than 802.1Q");
      KDUMP_TRY_ASSIGN(plan.parent, add(link->below, layer + 1));
      plan.vlan = link->vlan;
    } else if (link->kind == "bond" || link->kind == "team") {
      KDUMP_TRY(make_bond(*link, plan, layer));
    } else if (link->kind == "bridge") {
      KDUMP_TRY(make_bridge(*link, plan, layer));
    } else {
      KDUMP_TRY(check_nic(*link));
      plan.mac = mac_text(link->permanent_mac);
    }
    plan_.interfaces.push_back(std::move(plan));
    return link->name;
  }

 private:
  [[nodiscard]] const Link* link(int index) const {
    for (const Link& link : links_)
      if (link.index == index) return &link;
    return nullptr;
  }

  Result<void> make_bond(const Link& link, InterfacePlan& plan, unsigned layer) {
    plan.kind = "bond";
    if (link.kind == "bond") {
      const Link* const primary =
          this->link(static_cast<int>(number_at(link.details, IFLA_BOND_PRIMARY)));
      plan.options = bond_options(link.details, primary ? primary->name : "");
    } else {
      auto options = bond_options_of_team(link.name, where_.proc);
      if (!options)
        return refused(link, "a team of which is not known what it does (" +
                                 options.error().message() +
                                 "; a bond does the same, and is known to the kernel)");
      plan.options = *std::move(options);
    }
    for (const Link& port : links_)
      if (port.master == link.index) {
        KDUMP_TRY_ASSIGN(std::string name, add(port.index, layer + 1));
        plan.ports.push_back(std::move(name));
      }
    if (plan.ports.empty()) return refused(link, "a " + link.kind + " without a port");
    // Switches know this address, and may let no other in; with fail_over_mac it is a port's.
    if (option_of(plan, "fail_over_mac").empty()) plan.mac = mac_text(link.mac);
    return {};
  }

  Result<void> make_bridge(const Link& link, InterfacePlan& plan, unsigned layer) {
    plan.kind = "bridge";
    for (const Link& port : links_)
      if (port.master == link.index && leads_out(port, layer + 1)) {
        KDUMP_TRY(check_untagged(link, port));
        KDUMP_TRY_ASSIGN(std::string name, add(port.index, layer + 1));
        plan.ports.push_back(std::move(name));
      }
    if (plan.ports.empty()) return refused(link, "a bridge without a NIC as its port");
    plan.options = bridge_options(link.details, plan.ports.size() > 1);
    plan.mac = mac_text(link.mac);
    return {};
  }

  // The copy filters no VLANs: frames leave it as its own interfaces make them, with a tag or
  // without. That is the same unless the bridge has a port put a tag on them.
  static Result<void> check_untagged(const Link& bridge, const Link& port) {
    if (!filters_vlans(bridge) || bridge.pvid == 0) return {};
    const uint32_t protocol = number_at(bridge.details, IFLA_BR_VLAN_PROTOCOL);
    if (protocol != 0 && ntohs(static_cast<uint16_t>(protocol)) != ETH_P_8021Q)
      return refused(bridge, "a bridge that filters VLANs of another protocol than 802.1Q");
    if (port.pvid == bridge.pvid && !bridge.pvid_tagged && !port.pvid_tagged) return {};
    return refused(bridge, "a bridge (vlan_filtering) whose own VLAN " +
                               std::to_string(bridge.pvid) + " does not leave " + port.name +
                               " untagged");
  }

  // Not to a guest or container, nor to nowhere (dummy).
  [[nodiscard]] bool leads_out(const Link& port, unsigned layer) const {
    if (layer == kMostLayers) return false;
    if (port.kind == "bond" || port.kind == "team") return true;
    if (port.kind == "vlan") {
      const Link* const below = link(port.below);
      return below && (below->kind == "bridge" || leads_out(*below, layer + 1));
    }
    std::error_code failed;
    return std::filesystem::exists(where_.sysfs + "/class/net/" + port.name + "/device", failed);
  }

  [[nodiscard]] Result<void> check_nic(const Link& link) const {
    const std::filesystem::path entry = where_.sysfs + "/class/net/" + link.name;
    std::error_code failed;
    if (std::filesystem::exists(entry / "phy80211", failed) ||
        std::filesystem::exists(entry / "wireless", failed))
      return refused(link, "wireless");
    if (link.hardware == ARPHRD_INFINIBAND) return refused(link, "InfiniBand");
    // Devices that no bus has: made by somebody's userspace.
    if (!std::filesystem::exists(entry / "device", failed)) {
      std::string what(described(link.kind));
      if (what.empty()) what = link.kind.empty() ? "no device of a bus" : "a " + link.kind;
      return refused(link, what);
    }
    if (link.hardware != ARPHRD_ETHER)
      return refused(link, "no Ethernet (type " + std::to_string(link.hardware) + ")");
    if (const auto how = read_text_file(entry / "addr_assign_type"); how && how->starts_with("1"))
      return refused(link, "a NIC with another random MAC address each time");
    return {};
  }

  const std::vector<Link>& links_;
  const HostFolders& where_;
  NetworkPlan& plan_;
};

}  // namespace

bool filters_vlans(const Link& link) {
  return link.kind == "bridge" && number_at(link.details, IFLA_BR_VLAN_FILTERING) != 0;
}

Result<std::string> copy_interface(const std::vector<Link>& links, int index,
                                   const HostFolders& where, NetworkPlan& plan) {
  return InterfaceCopy(links, where, plan).add(index);
}

}  // namespace kdump
