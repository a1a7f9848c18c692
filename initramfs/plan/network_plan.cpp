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
  add(words, "mac", interface.mac);
  if (interface.mtu != 0) add(words, "mtu", std::to_string(interface.mtu));
  add(words, "parent", interface.parent);
  if (interface.vlan != 0) add(words, "vlan", std::to_string(interface.vlan));
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
  interface.mac = value_of(words, "mac");
  interface.mtu = number_of<uint32_t>(words, "mtu");
  interface.parent = value_of(words, "parent");
  interface.vlan = number_of<uint16_t>(words, "vlan");
  for (const std::string& word : words)
    if (word.starts_with("address=")) interface.addresses.push_back(word.substr(8));
  if (interface.name.empty()) return Error(Errc::bad_input, "interface without a name");
  return interface;
}

Result<RoutePlan> decode_route(const std::vector<std::string>& words) {
  RoutePlan route{value_of(words, "to"), value_of(words, "via"), value_of(words, "interface"),
                  value_of(words, "source")};
  if (route.to.empty()) return Error(Errc::bad_input, "route without a destination");
  return route;
}

}  // namespace kdump
