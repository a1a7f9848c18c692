// The network of the capture kernel in real kernels' hands: network namespaces with veth pairs
// stand in for hosts. What needs namespaces runs in a child that enters new ones.
#include "initramfs/capture/network.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "initramfs/image/image_builder.h"
#include "initramfs/image/network_host.h"
#include "initramfs/plan/capture_plan.h"
#include "initramfs/plan/rtnetlink.h"
#include "makedump/base/fd.h"
#include "tests/unit/temp_dir.h"

namespace kdump {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST(Addresses, Parsed) {
  for (const char* text : {"192.0.2.7", "::1", "2001:db8::7", "fe80::1"}) {
    const auto address = parse_ip(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(text_of(*address), text);
  }
  EXPECT_EQ(text_of(*parse_ip("fe80::1%eth0")), "fe80::1");
  EXPECT_TRUE(is_link_local(*parse_ip("fe80::1")));
  EXPECT_FALSE(is_link_local(*parse_ip("fd00::1")));
  for (const char* text : {"", "host", "192.0.2", "1.2.3.4.5", ":::1"})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(Addresses, Prefixes) {
  EXPECT_EQ(parse_prefix("192.0.2.0/24")->length, 24);
  EXPECT_EQ(parse_prefix("192.0.2.7")->length, 32);
  EXPECT_EQ(parse_prefix("fd00::/8")->length, 8);
  for (const char* text : {"192.0.2.0/33", "fd00::/129", "192.0.2.0/", "192.0.2.0/x", "/8", "/"})
    EXPECT_FALSE(parse_prefix(text)) << text;
}

TEST(Addresses, Macs) {
  const std::string text = "52:54:00:ff:34:0a";
  ASSERT_TRUE(parse_mac(text));
  EXPECT_THAT(*parse_mac(text), SizeIs(6));
  EXPECT_EQ(mac_text(*parse_mac(text)), text);
  for (const char* bad : {"", "5", "52:", "52:5", "52-54", "52:54:0g", "52:54:"})
    EXPECT_FALSE(parse_mac(bad)) << bad;
}

TEST(Attributes, OfAnyLength) {
  // Lengths that lie lead nowhere.
  EXPECT_THAT(parse_attributes(""), IsEmpty());
  EXPECT_THAT(parse_attributes(std::string_view("\x02\0\x01\0", 4)), IsEmpty());
  EXPECT_THAT(parse_attributes(std::string_view("\x09\0\x01\0....", 8)), IsEmpty());
  const auto one = parse_attributes(std::string_view("\x05\0\x07\0\x2a", 5));
  EXPECT_EQ(number_at(one, 7), 0x2a);
  EXPECT_EQ(number_at(one, 8), 0);
}

int shell(const std::string& command) {
  return std::system(command.c_str());  // NOLINT(cert-env33-c): a test's own words
}

// Runs `body` as root of namespaces of its own; its EXPECTs decide.
template <typename Body>
void in_namespace(const Body& body) {
  const uid_t user = ::getuid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int kinds = CLONE_NEWNET | CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER);
    if (::unshare(kinds) != 0) ::_exit(77);
    if (user != 0) {
      (void)write_existing_file("/proc/self/setgroups", "deny");
      (void)write_existing_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
    }
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
    body();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see the messages above";
}

// A sysfs in which these are devices of a bus.
HostFolders sysfs_with(const TempDir& dir, const std::vector<std::string>& nics) {
  for (const std::string& nic : nics)
    std::filesystem::create_directories(dir.path("sys/class/net/" + nic + "/device"));
  return {.sysfs = dir.path("sys"), .proc = dir.path("proc")};
}

TargetPlan remote(const std::string& host) {
  TargetPlan target;
  target.kind = TargetKind::nfs;
  target.described = "nfs " + host + ":/e";
  target.host = host;
  return target;
}

// host (eth0) — server (peer) in the same namespace, which is enough for routes.
constexpr char kHost[] =
    "ip link set lo up; ip link add eth0 address 52:54:00:00:00:01 type veth peer name peer; "
    "ip link set eth0 mtu 1400 up; ip link set peer up; "
    "ip addr add 192.0.2.7/24 dev eth0; ip addr add 192.0.2.99/24 dev eth0; "
    "ip -6 addr add fd00::7/64 dev eth0 nodad; ip route add default via 192.0.2.1; "
    "ip route add 198.51.100.0/24 via 192.0.2.2 src 192.0.2.7; "
    "ip -6 route add default via fe80::1 dev eth0";

TEST(PlanNetwork, OnLinkAndRoutedTargets) {
  in_namespace([] {
    const TempDir dir;
    ASSERT_EQ(shell(kHost), 0);
    std::vector<TargetPlan> targets = {remote("192.0.2.9"), remote("198.51.100.4"),
                                       remote("203.0.113.1"), remote("fd00::9"),
                                       remote("2001:db8::1")};
    const auto plan = plan_network(targets, {}, sysfs_with(dir, {"eth0"}));
    ASSERT_TRUE(plan) << plan.error().message();
    EXPECT_EQ(targets[1].address, "198.51.100.4");
    ASSERT_THAT(plan->interfaces, SizeIs(1));
    const InterfacePlan& eth0 = plan->interfaces.front();
    EXPECT_EQ(eth0.name, "eth0");
    EXPECT_EQ(eth0.mac, "52:54:00:00:00:01");
    EXPECT_EQ(eth0.mtu, 1400);
    // Not the other address, which may be another host's in a minute.
    EXPECT_THAT(eth0.addresses, ElementsAre("192.0.2.7/24", "fd00::7/64"));
    EXPECT_THAT(plan->routes,
                ElementsAre(RoutePlan{"192.0.2.9/32", "", "eth0", "192.0.2.7"},
                            RoutePlan{"198.51.100.4/32", "192.0.2.2", "eth0", "192.0.2.7"},
                            RoutePlan{"203.0.113.1/32", "192.0.2.1", "eth0", "192.0.2.7"},
                            RoutePlan{"fd00::9/128", "", "eth0", "fd00::7"},
                            RoutePlan{"2001:db8::1/128", "fe80::1", "eth0", "fd00::7"},
                            RoutePlan{"default", "192.0.2.1", "eth0", ""},
                            RoutePlan{"default6", "fe80::1", "eth0", ""}));
  });
}

TEST(PlanNetwork, WhatUserspaceAssemblesIsRefused) {
  in_namespace([] {
    const TempDir dir;
    ASSERT_EQ(shell("ip link set lo up; ip link add eth0 type veth peer name peer; "
                    "ip link set eth0 up; ip addr add 192.0.2.7/24 dev eth0"),
              0);
    std::vector<TargetPlan> targets = {remote("192.0.2.9")};
    const auto plan = plan_network(targets, {}, sysfs_with(dir, {}));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code(), Errc::unsupported);
    EXPECT_THAT(plan.error().message(), AllOf(HasSubstr("nfs 192.0.2.9:/e: interface eth0 is one "
                                                        "end of a veth pair"),
                                              HasSubstr("cannot set up")));
    EXPECT_EQ(targets.front().address, "192.0.2.9");  // for an image that can
    EXPECT_FALSE(check_native_network(targets));
  });
}

// host (eth0, and a container's vnet0, below br0) — server (peer).
constexpr char kBridge[] =
    "ip link set lo up; ip link add eth0 address 52:54:00:00:00:01 type veth peer name peer; "
    "ip link add vnet0 type veth peer name guest; "
    "ip link add br0 address 52:54:00:00:00:0b type bridge stp_state 1; "
    "for port in eth0 vnet0; do ip link set $port master br0; done; "
    "for link in eth0 peer vnet0 guest br0; do ip link set $link up; done; "
    "ip addr add 192.0.2.7/24 dev br0";

TEST(PlanNetwork, BridgeWithoutThePortsOfGuests) {
  in_namespace([] {
    const TempDir dir;
    ASSERT_EQ(shell(kBridge), 0);
    std::vector<TargetPlan> targets = {remote("192.0.2.9")};
    const auto plan = plan_network(targets, {}, sysfs_with(dir, {"eth0"}));
    ASSERT_TRUE(plan) << plan.error().message();
    ASSERT_THAT(plan->interfaces, SizeIs(2));
    EXPECT_EQ(plan->interfaces[0].name, "eth0");
    EXPECT_EQ(plan->interfaces[0].mac, "52:54:00:00:00:01");
    EXPECT_THAT(plan->interfaces[0].addresses, IsEmpty());
    const InterfacePlan& br0 = plan->interfaces[1];
    EXPECT_EQ(br0.kind, "bridge");
    EXPECT_EQ(br0.mac, "52:54:00:00:00:0b");
    EXPECT_THAT(br0.ports, ElementsAre("eth0"));
    EXPECT_THAT(br0.options, ElementsAre("mcast_snooping=0", "stp_state=0", "forward_delay=0"));
    EXPECT_THAT(br0.addresses, ElementsAre("192.0.2.7/24"));

    // Two ways out might be a loop, if nobody looks after it.
    const auto both = plan_network(targets, {}, sysfs_with(dir, {"vnet0"}));
    ASSERT_TRUE(both) << both.error().message();
    EXPECT_THAT(both->interfaces.back().ports, ElementsAre("eth0", "vnet0"));
    EXPECT_THAT(both->interfaces.back().options,
                ElementsAre("mcast_snooping=0", "stp_state=1", "forward_delay=1500",
                            "hello_time=200", "max_age=2000", "priority=65535"));
  });
}

TEST(PlanNetwork, BridgesThatAreRefused) {
  in_namespace([] {
    const TempDir dir;
    ASSERT_EQ(shell(kBridge), 0);
    std::vector<TargetPlan> targets = {remote("192.0.2.9")};
    const auto no_nic = plan_network(targets, {}, sysfs_with(dir, {}));
    ASSERT_FALSE(no_nic);
    EXPECT_THAT(no_nic.error().message(),
                HasSubstr("interface br0 is a bridge without a NIC as its port, which"));
  });
}

TEST(PlanNetwork, WhereNoRouteLeads) {
  in_namespace([] {
    ASSERT_EQ(shell("ip link set lo up"), 0);
    std::vector<TargetPlan> there = {remote("192.0.2.9")};
    const auto no_route = plan_network(there);
    ASSERT_FALSE(no_route);
    EXPECT_THAT(no_route.error().message(),
                HasSubstr("nfs 192.0.2.9:/e: 192.0.2.9: there is no route to it now"));
    std::vector<TargetPlan> here = {remote("127.0.0.1")};
    const auto itself = plan_network(here);
    ASSERT_FALSE(itself);
    EXPECT_THAT(itself.error().message(), HasSubstr("is this host itself"));
    std::vector<TargetPlan> nowhere = {remote("no-such-host.invalid")};
    const auto unknown = plan_network(nowhere);
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error().message(), HasSubstr("no-such-host.invalid: "));
    std::vector<TargetPlan> local(1);
    const auto none = plan_network(local);
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
  });
}

TEST(PlanNetwork, TheLineOfTheTargetIsNamed) {
  in_namespace([] {
    ASSERT_EQ(shell(kHost), 0);
    Settings settings;
    Target target;
    target.kind = TargetKind::nfs;
    target.nfs_source = "192.0.2.9:/good";
    target.origin = "/etc/kdump/policy.yaml:4";
    settings.targets = {target};
    target.kind = TargetKind::ssh;
    target.user = "dump";
    target.host = "127.0.0.1";
    target.origin = "/etc/kdump/policy.yaml:7";
    settings.targets.insert(settings.targets.begin(), target);
    const auto plan = resolve_target(settings);
    ASSERT_FALSE(plan);
    EXPECT_THAT(plan.error().message(),
                StartsWith("/etc/kdump/policy.yaml:7: ssh dump@127.0.0.1: 127.0.0.1 is this host"));
  });
}

// A NIC with this MAC address under whatever name the capture kernel gave it; `taken` has the name
// that the plan wants to give.
NetworkPlan plan_for(const std::string& mac) {
  NetworkPlan plan;
  InterfacePlan& lan0 = plan.interfaces.emplace_back();
  lan0.name = "lan0";
  lan0.mac = mac;
  lan0.mtu = 1400;
  lan0.addresses = {"192.0.2.7/24", "fd00::7/64"};
  plan.routes = {{"192.0.2.9/32", "", "lan0", "192.0.2.7"},
                 {"203.0.113.1/32", "198.51.100.1", "lan0", "192.0.2.7"},
                 {"2001:db8::1/128", "fe80::1", "lan0", "fd00::7"},
                 {"default", "192.0.2.1", "lan0", ""}};
  return plan;
}

// Routes and addresses, as iproute2 shows them.
std::string shown(const std::string& command) {
  std::string text;
  FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a test's own words
  if (!out) return text;
  std::array<char, 4096> buffer{};
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), out))
    text.append(buffer.data(), n);
  ::pclose(out);
  return text;
}

TEST(BringUpNetwork, AsPlanned) {
  in_namespace([] {
    // The kernel has given the name that is wanted to the other one.
    ASSERT_EQ(shell("ip link add lan0 type veth peer name eth1 address 52:54:00:00:00:01; "
                    "ip link set lan0 up"),
              0);
    WorkerState state;
    const NetworkPlan plan = plan_for("52:54:00:00:00:01");
    for (const char* round : {"first", "again"}) {
      SCOPED_TRACE(round);
      // In the first one the name's holder goes down, and takes the carrier along.
      std::thread peer(
          [] { (void)shell("sleep 1; ip link set $(ls /sys/class/net | grep other) up"); });
      const auto up = bring_up_network(plan, state);
      peer.join();
      ASSERT_TRUE(up) << up.error().message();
      const std::string link = shown("ip link show lan0");
      EXPECT_THAT(link, AllOf(HasSubstr("52:54:00:00:00:01"), HasSubstr("mtu 1400"),
                              HasSubstr("LOWER_UP")));
      EXPECT_THAT(shown("ip addr show lan0"),
                  AllOf(HasSubstr("inet 192.0.2.7/24 brd 192.0.2.255 scope global"),
                        HasSubstr("inet6 fd00::7/64"), Not(HasSubstr("tentative"))));
      EXPECT_THAT(shown("ip route"),
                  AllOf(HasSubstr("default via 192.0.2.1 dev lan0"),
                        HasSubstr("192.0.2.9 dev lan0 proto static scope link src 192.0.2.7"),
                        HasSubstr("203.0.113.1 via 198.51.100.1 dev lan0 proto static src "
                                  "192.0.2.7 onlink")));
      EXPECT_THAT(shown("ip -6 route"),
                  HasSubstr("2001:db8::1 via fe80::1 dev lan0 proto static src fd00::7"));
      EXPECT_EQ(local_address_towards("203.0.113.1"), "192.0.2.7");
      EXPECT_EQ(local_address_towards("2001:db8::1"), "fd00::7");
    }
    EXPECT_THAT(shown("ip addr show lo"), HasSubstr("LOOPBACK,UP"));
  });
}

TEST(BringUpNetwork, Bridge) {
  in_namespace([] {
    ASSERT_EQ(shell("ip link add eth1 address 52:54:00:00:00:01 type veth peer name peer; "
                    "ip link set peer up"),
              0);
    NetworkPlan plan = plan_for("52:54:00:00:00:01");
    plan.interfaces.front().addresses.clear();
    InterfacePlan& br0 = plan.interfaces.emplace_back();
    br0.name = "br0";
    br0.kind = "bridge";
    br0.mac = "52:54:00:00:00:0b";
    br0.ports = {"lan0"};
    br0.options = {"mcast_snooping=0", "stp_state=0", "forward_delay=0"};
    br0.addresses = {"192.0.2.7/24"};
    plan.routes = {{"192.0.2.9/32", "", "br0", "192.0.2.7"}};
    WorkerState state;
    for (const char* round : {"first", "again"}) {
      SCOPED_TRACE(round);
      const auto up = bring_up_network(plan, state, "192.0.2.9");
      ASSERT_TRUE(up) << up.error().message();
      EXPECT_THAT(shown("ip -d link show br0"),
                  AllOf(HasSubstr("52:54:00:00:00:0b"), HasSubstr("LOWER_UP"),
                        HasSubstr("forward_delay 0 "), HasSubstr("stp_state 0")));
      EXPECT_THAT(shown("ip -d link show lan0"),
                  AllOf(HasSubstr("master br0 state UP"), HasSubstr("state forwarding")));
      EXPECT_THAT(shown("ip addr show lan0"), Not(HasSubstr("inet")));
      EXPECT_THAT(shown("ip route"), HasSubstr("192.0.2.9 dev br0"));
    }
    // Of a bond, one port is enough. Where the kernel has no bonds, that is said.
    InterfacePlan& bond0 = plan.interfaces.back();
    bond0.name = "bond0";
    bond0.kind = "bond";
    bond0.options = {"mode=active-backup", "miimon=100"};
    plan.routes.front().interface = "bond0";
    const auto up = bring_up_network(plan, state, "192.0.2.9");
    if (!up) {
      EXPECT_THAT(up.error().message(), HasSubstr("bond0: bond over lan0: "));
    }
  });
}

TEST(BringUpNetwork, WhatIsWrongIsSaid) {
  in_namespace([] {
    WorkerState state;
    NetworkPlan plan = plan_for("nonsense");
    const auto bad = bring_up_network(plan, state);
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().message(), HasSubstr("\"nonsense\" is no MAC address"));
    // Nothing to do for an address that the plan does not lead to.
    EXPECT_TRUE(bring_up_network(plan, state, "198.51.100.77"));
    EXPECT_TRUE(bring_up_network(NetworkPlan(), state));
  });
}

TEST(LocalAddress, Towards) {
  in_namespace([] {
    ASSERT_EQ(shell(kHost), 0);
    EXPECT_EQ(local_address_towards("192.0.2.9"), "192.0.2.7");
    EXPECT_EQ(local_address_towards("fd00::9"), "fd00::7");
    EXPECT_EQ(local_address_towards("not an address"), "127.0.0.1");
  });
}

}  // namespace
}  // namespace kdump
