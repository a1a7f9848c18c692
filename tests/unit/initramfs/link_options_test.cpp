// Options of bonds, bridges and teams, from what the kernel and teamd tell to what the kernel is
// told.
#include "initramfs/plan/link_options.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

#include "initramfs/image/host_interfaces.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string u8(int value) {
  return {static_cast<char>(value)};
}

std::string u32(uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string one_target() {
  return std::string("\x08\0\0\0", 4) + std::string("\xc0\0\x02\x01", 4);
}

TEST(BondOptions, OnlyWhatTheModeTakes) {
  RouteAttributes details = {{IFLA_BOND_MODE, u8(1)},          {IFLA_BOND_MIIMON, u32(50)},
                             {IFLA_BOND_UPDELAY, u32(200)},    {IFLA_BOND_DOWNDELAY, u32(0)},
                             {IFLA_BOND_MIN_LINKS, u32(2)},    {IFLA_BOND_AD_LACP_RATE, u8(1)},
                             {IFLA_BOND_ARP_INTERVAL, u32(0)}, {IFLA_BOND_FAIL_OVER_MAC, u8(1)}};
  EXPECT_THAT(bond_options(details, "eth1"),
              ElementsAre("mode=active-backup", "miimon=50", "updelay=200", "fail_over_mac=1",
                          "primary=eth1"));
  details[IFLA_BOND_MODE] = u8(4);
  EXPECT_THAT(bond_options(details, "eth1"),
              ElementsAre("mode=802.3ad", "miimon=50", "updelay=200", "lacp_rate=1"));
}

TEST(BondOptions, SomebodyWatchesTheLinks) {
  RouteAttributes details = {{IFLA_BOND_MODE, u8(1)}, {IFLA_BOND_MIIMON, u32(0)}};
  EXPECT_THAT(bond_options(details, ""), ElementsAre("mode=active-backup", "miimon=100"));
  details[IFLA_BOND_ARP_INTERVAL] = u32(1000);
  details[IFLA_BOND_ARP_VALIDATE] = u32(3);
  details[IFLA_BOND_ARP_IP_TARGET] = one_target();
  EXPECT_THAT(bond_options(details, ""), ElementsAre("mode=active-backup", "arp_interval=1000",
                                                     "arp_validate=3", "arp_ip_target=192.0.2.1"));
}

TEST(LinkDetails, AreWhatTheKernelHadTold) {
  const RouteAttributes details = {{IFLA_BOND_MODE, u8(1)},
                                   {IFLA_BOND_ARP_INTERVAL, u32(1000)},
                                   {IFLA_BOND_ARP_VALIDATE, u32(3)},
                                   {IFLA_BOND_ARP_IP_TARGET, one_target()},
                                   {IFLA_BOND_PRIMARY_RESELECT, u8(2)}};
  InterfacePlan bond;
  bond.name = "bond0";
  bond.kind = "bond";
  bond.options = bond_options(details, "eth1");
  const auto again =
      link_details(bond, [](const std::string& name) { return name == "eth1" ? 7 : 0; });
  ASSERT_TRUE(again) << again.error().message();
  RouteAttributes expected = details;
  expected[IFLA_BOND_PRIMARY] = u32(7);
  EXPECT_EQ(parse_attributes(again->body()), expected);

  for (const char* bad : {"mode=magic", "speed=1", "arp_ip_target=here", "stp_state=1"}) {
    bond.options = {bad};
    EXPECT_FALSE(link_details(bond, [](const std::string&) { return 0; })) << bad;
  }
  bond.kind = "bridge";
  bond.options = {"stp_state=1", "priority=65535"};
  const auto bridge = link_details(bond, [](const std::string&) { return 0; });
  ASSERT_TRUE(bridge);
  EXPECT_EQ(parse_attributes(bridge->body()),
            (RouteAttributes{{IFLA_BR_STP_STATE, u32(1)}, {IFLA_BR_PRIORITY, "\xff\xff"}}));
}

// A host with eth0 and eth1 in bond0, that and a guest's tap in br0, and VLAN 5 on it.
std::vector<Link> stacked() {
  std::vector<Link> links(6);
  const char* const names[] = {"eth0", "eth1", "bond0", "tap0", "br0", "br0.5"};
  const char* const kinds[] = {"", "", "bond", "tun", "bridge", "vlan"};
  for (size_t i = 0; i < links.size(); ++i) {
    links[i].index = static_cast<int>(i) + 1;
    links[i].name = names[i];
    links[i].kind = kinds[i];
    links[i].hardware = ARPHRD_ETHER;
    links[i].mac = links[i].permanent_mac = std::string("RT\0\0\0", 5) + static_cast<char>(i);
  }
  links[0].mac = links[1].mac;  // bond0's, as it is
  links[0].master = links[1].master = 3;
  links[2].master = links[3].master = 5;
  links[2].details = {{IFLA_BOND_MODE, u8(1)}, {IFLA_BOND_PRIMARY, u32(2)}};
  links[5].below = 5;
  links[5].vlan = 5;
  links[5].vlan_protocol = ETH_P_8021Q;
  return links;
}

TEST(CopyInterface, VlanOnABridgeOverABond) {
  const TempDir dir;
  for (const char* nic : {"eth0", "eth1"})
    std::filesystem::create_directories(dir.path("class/net/") + nic + "/device");
  NetworkPlan plan;
  const auto name = copy_interface(stacked(), 6, {.sysfs = dir.path()}, plan);
  ASSERT_TRUE(name) << name.error().message();
  EXPECT_EQ(*name, "br0.5");
  std::vector<std::string> text;
  for (const InterfacePlan& interface : plan.interfaces) {
    std::string& line = text.emplace_back();
    for (const std::string& word : encode(interface))
      line += (line.empty() ? "" : " ") + word;
  }
  EXPECT_THAT(
      text,
      ElementsAre("name=eth0 mac=52:54:00:00:00:00", "name=eth1 mac=52:54:00:00:00:01",
                  "name=bond0 kind=bond mac=52:54:00:00:00:02 port=eth0 port=eth1 "
                  "option=mode=active-backup option=miimon=100 option=primary=eth1",
                  "name=br0 kind=bridge mac=52:54:00:00:00:04 port=bond0 option=mcast_snooping=0 "
                  "option=stp_state=0 option=forward_delay=0",
                  "name=br0.5 parent=br0 vlan=5"));
}

TEST(CopyInterface, BridgesThatTagTheirOwnFrames) {
  const TempDir dir;
  for (const char* nic : {"eth0", "eth1"})
    std::filesystem::create_directories(dir.path("class/net/") + nic + "/device");
  struct Case {
    uint16_t bridge, port;
    bool port_tagged, good;
  };
  for (const Case& c : {Case{1, 1, false, true}, Case{0, 1, false, true}, Case{1, 1, true, false},
                        Case{5, 1, false, false}, Case{5, 0, false, false}}) {
    std::vector<Link> links = stacked();
    links[4].details[IFLA_BR_VLAN_FILTERING] = u8(1);
    links[4].pvid = c.bridge;
    links[2].pvid = c.port;
    links[2].pvid_tagged = c.port_tagged;
    NetworkPlan plan;
    const auto name = copy_interface(links, 5, {.sysfs = dir.path()}, plan);
    EXPECT_EQ(name.has_value(), c.good) << c.bridge << c.port << c.port_tagged;
    if (!name) {
      EXPECT_THAT(name.error().message(), HasSubstr("does not leave bond0 untagged, which"));
    }
  }
}

TEST(CopyInterface, TeamsThatNobodyKnowsAreRefused) {
  const TempDir dir;
  std::vector<Link> links = stacked();
  links[2].kind = "team";
  NetworkPlan plan;
  const auto name = copy_interface(links, 3, {.sysfs = dir.path(), .proc = dir.path("proc")}, plan);
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().message(),
            "interface bond0 is a team of which is not known what it does (no teamd runs for it; a "
            "bond does the same, and is known to the kernel), which the native capture image "
            "cannot set up");
}

struct TeamCase {
  const char *configuration, *expected;  // options, or what the error says
};
constexpr TeamCase kTeams[] = {
    {R"({"runner": {"name": "activebackup"}, "ports": {"eth1": {"prio": 1}, "eth2": {"prio": 9}}})",
     "mode=active-backup primary=eth2 miimon=100"},
    {R"({"runner": {"name": "lacp", "fast_rate": true, "tx_hash": ["eth", "ipv4", "tcp"]}})",
     "mode=802.3ad xmit_hash_policy=1 lacp_rate=1 miimon=100"},
    {R"({"runner": {"name": "loadbalance", "tx_hash": ["eth", "ipv4"]}})",
     "mode=balance-xor xmit_hash_policy=2 miimon=100"},
    {R"({"runner": {"name": "roundrobin"}})", "mode=balance-rr miimon=100"},
    {R"({"runner": {"name": "broadcast"}})", "mode=broadcast miimon=100"},
    {R"({"runner": {"name": "random"}})", "team0.conf: no bond does what runner \"random\" does"},
    {R"({"runner": 7})", "team0.conf: no bond does what runner \"\" does"},
    {"[", "team0.conf is no JSON"},
};

TEST(Teams, AsTheBondThatDoesTheSame) {
  for (const TeamCase& c : kTeams) {
    const auto options = bond_options_of_teamd(c.configuration, "team0.conf");
    std::string text = options ? "" : options.error().message();
    if (options)
      for (const std::string& option : *options)
        text += (text.empty() ? "" : " ") + option;
    EXPECT_EQ(text, c.expected) << c.configuration;
  }
}

TEST(Teams, KnownByTheirDaemon) {
  const TempDir dir;
  const auto runs = [&](const std::string& pid, const std::vector<std::string>& words) {
    std::filesystem::create_directories(dir.path("proc/" + pid));
    std::string line;
    for (const std::string& word : words)
      line += word + '\0';
    dir.write("proc/" + pid + "/cmdline", line);
  };
  runs("7", {"/usr/bin/teamd", "-o", "-t", "team1", "-c", "{}"});
  const auto none = bond_options_of_team("team0", dir.path("proc"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message(), "no teamd runs for it");
  runs("8", {"/usr/bin/teamd", "-t", "team0", "-c", R"({"runner": {"name": "roundrobin"}})"});
  const auto given = bond_options_of_team("team0", dir.path("proc"));
  ASSERT_TRUE(given) << given.error().message();
  EXPECT_THAT(*given, ElementsAre("mode=balance-rr", "miimon=100"));
  dir.write("team0.conf", R"({"runner": {"name": "broadcast"}})");
  runs("8", {"/usr/bin/teamd", "-t", "team0", "-f", dir.path("team0.conf")});
  EXPECT_THAT(*bond_options_of_team("team0", dir.path("proc")),
              ElementsAre("mode=broadcast", "miimon=100"));
  runs("8", {"/usr/bin/teamd", "-t", "team0"});
  EXPECT_THAT(bond_options_of_team("team0", dir.path("proc")).error().message(),
              HasSubstr("without -c or -f"));
}

}  // namespace
}  // namespace kdump
