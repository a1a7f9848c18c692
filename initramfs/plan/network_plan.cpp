#include "initramfs/plan/network_plan.h"

#include <charconv>

namespace kdump {

namespace {

// "key=value" words, in any order; what is not there is empty.
std::string value_of(const std::vector<std::string>& words, std::string_view key) {
  for (const std::string& word : words)
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
      return word.substr(key.size() + 1);
  return "";
}

std::vector<std::string> values_of(const std::vector<std::string>& words, const std::string& key) {
  std::vector<std::string> values;
  for (const std::string& word : words)
    if (word.starts_with(key + "=")) values.push_back(word.substr(key.size() + 1));
  return values;
}

template <typename Number>
Number number_of(const std::vector<std::string>& words, std::string_view key) {
  const std::string text = value_of(words, key);
  Number number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void add(std::vector<std::string>& words, std::string_view key, const std::string& value) {
  if (!value.empty()) words.push_back(std::string(key) + "=" + value);
}

}  // namespace

std::vector<std::string> encode(const InterfacePlan& interface) {
  std::vector<std::string> words;
  add(words, "name", interface.name);
  add(words, "kind", interface.kind);
  add(words, "mac", interface.mac);
  if (interface.mtu != 0) add(words, "mtu", std::to_string(interface.mtu));
  add(words, "parent", interface.parent);
  if (interface.vlan != 0) add(words, "vlan", std::to_string(interface.vlan));
  for (const std::string& port : interface.ports)
    add(words, "port", port);
  for (const std::string& option : interface.options)
    add(words, "option", option);
  for (const std::string& address : interface.addresses)
    add(words, "address", address);
  return words;
}

std::vector<std::string> encode(const RoutePlan& route) {
  std::vector<std::string> words;
  add(words, "to", route.to);
  add(words, "via", route.via);
  add(words, "interface", route.interface);
  add(words, "source", route.source);
  return words;
}

Result<InterfacePlan> decode_interface(const std::vector<std::string>& words) {
  InterfacePlan interface;
  interface.name = value_of(words, "name");
  interface.kind = value_of(words, "kind");
  interface.mac = value_of(words, "mac");
  interface.mtu = number_of<uint32_t>(words, "mtu");
  interface.parent = value_of(words, "parent");
  interface.vlan = number_of<uint16_t>(words, "vlan");
  interface.ports = values_of(words, "port");
  interface.options = values_of(words, "option");
  interface.addresses = values_of(words, "address");
  if (interface.name.empty()) return Error(Errc::bad_input, "interface without a name");
  if (!interface.kind.empty() && interface.ports.empty())
    return Error(Errc::bad_input,
                 "interface " + interface.name + ": a " + interface.kind + " without a port");
  return interface;
}

Result<RoutePlan> decode_route(const std::vector<std::string>& words) {
  RoutePlan route{value_of(words, "to"), value_of(words, "via"), value_of(words, "interface"),
                  value_of(words, "source")};
  if (route.to.empty()) return Error(Errc::bad_input, "route without a destination");
  return route;
}

}  // namespace kdump
