#include "initramfs/plan/network_plan.h"

#include "initramfs/plan/plan_words.h"

namespace kdump {

std::vector<std::string> encode(const InterfacePlan& interface) {
  std::vector<std::string> words;
  add_word(words, "name", interface.name);
  add_word(words, "kind", interface.kind);
  add_word(words, "mac", interface.mac);
  if (interface.mtu != 0) add_word(words, "mtu", std::to_string(interface.mtu));
  add_word(words, "parent", interface.parent);
  if (interface.vlan != 0) add_word(words, "vlan", std::to_string(interface.vlan));
  for (const std::string& port : interface.ports)
    add_word(words, "port", port);
  for (const std::string& option : interface.options)
    add_word(words, "option", option);
  for (const std::string& address : interface.addresses)
    add_word(words, "address", address);
  return words;
}

std::vector<std::string> encode(const RoutePlan& route) {
  std::vector<std::string> words;
  add_word(words, "to", route.to);
  add_word(words, "via", route.via);
  add_word(words, "interface", route.interface);
  add_word(words, "source", route.source);
  return words;
}

Result<InterfacePlan> decode_interface(const std::vector<std::string>& words) {
  InterfacePlan interface;
  interface.name = value_of_word(words, "name");
  interface.kind = value_of_word(words, "kind");
  interface.mac = value_of_word(words, "mac");
  interface.mtu = number_of_word<uint32_t>(words, "mtu");
  interface.parent = value_of_word(words, "parent");
  interface.vlan = number_of_word<uint16_t>(words, "vlan");
  interface.ports = values_of_word(words, "port");
  interface.options = values_of_word(words, "option");
  interface.addresses = values_of_word(words, "address");
  if (interface.name.empty()) return Error(Errc::bad_input, "interface without a name");
  if (!interface.kind.empty() && interface.ports.empty())
    return Error(Errc::bad_input,
                 "interface " + interface.name + ": a " + interface.kind + " without a port");
  return interface;
}

Result<RoutePlan> decode_route(const std::vector<std::string>& words) {
  RoutePlan route{value_of_word(words, "to"), value_of_word(words, "via"),
                  value_of_word(words, "interface"), value_of_word(words, "source")};
  if (route.to.empty()) return Error(Errc::bad_input, "route without a destination");
  return route;
}

}  // namespace kdump
