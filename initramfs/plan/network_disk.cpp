#include "initramfs/plan/network_disk.h"

#include "initramfs/plan/plan_words.h"

namespace kdump {

namespace {

constexpr char kIscsi[] = "iscsi";
constexpr char kNvmeTcp[] = "nvme_tcp";

}  // namespace

std::string NetworkDisk::describe() const {
  const bool is_ip6 = address.find(':') != std::string::npos;
  return std::string(kind == Kind::iscsi ? "iSCSI " : "NVMe/TCP ") + name + " at " +
         (is_ip6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::vector<std::string> encode(const NetworkDisk& disk) {
  std::vector<std::string> words;
  add_word(words, "kind", disk.kind == NetworkDisk::Kind::iscsi ? kIscsi : kNvmeTcp);
  add_word(words, "address", disk.address);
  add_word(words, "port", std::to_string(disk.port));
  add_word(words, "name", disk.name);
  add_word(words, "host", disk.host);
  add_word(words, "host_id", disk.host_id);
  if (disk.portal_group != 0) add_word(words, "portal_group", std::to_string(disk.portal_group));
  add_word(words, "user", disk.user);
  add_word(words, "secret", disk.secret);
  add_word(words, "their_user", disk.their_user);
  add_word(words, "their_secret", disk.their_secret);
  return words;
}

Result<NetworkDisk> decode_network_disk(const std::vector<std::string>& words) {
  NetworkDisk disk;
  const std::string kind = value_of_word(words, "kind");
  if (kind != kIscsi && kind != kNvmeTcp)
    return Error(Errc::bad_input, "no such kind of network disk: " + kind);
  disk.kind = kind == kIscsi ? NetworkDisk::Kind::iscsi : NetworkDisk::Kind::nvme_tcp;
  disk.address = value_of_word(words, "address");
  disk.port = number_of_word<uint16_t>(words, "port");
  disk.name = value_of_word(words, "name");
  disk.host = value_of_word(words, "host");
  disk.host_id = value_of_word(words, "host_id");
  disk.portal_group = number_of_word<uint16_t>(words, "portal_group");
  disk.user = value_of_word(words, "user");
  disk.secret = value_of_word(words, "secret");
  disk.their_user = value_of_word(words, "their_user");
  disk.their_secret = value_of_word(words, "their_secret");
  if (disk.address.empty() || disk.port == 0 || disk.name.empty() || disk.host.empty())
    return Error(Errc::bad_input, "network disk without an address, port, name or host");
  return disk;
}

}  // namespace kdump
